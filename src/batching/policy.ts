/** What a batching decision is made from. Times in milliseconds. */
export interface BatchFacts {
  /** Items that wait. */
  readonly waiting: number
  /** Most items one run may get; at least 1. */
  readonly batchSize: number
  /** How long the oldest item has waited. */
  readonly oldestMs: number
  /** How long an item may wait for company; 0 is work-conserving. */
  readonly maxDelayMs: number
  /** How long one of them may wait at most, so that it can be run before its deadline; Infinity where none has one. */
  readonly leftMs: number
  /** Sizes below `batchSize` for which it is not worth waiting any longer. */
  readonly preferredSizes: readonly number[]
}

/**
 * Why a batch got no more items: it was full, the worker was idle and there were no more, the worker was busy with one
 * that is no larger, the delay was over or a deadline near, it had a preferred size, or it came back from a worker that died.
 */
export type CutBy = 'full' | 'idle' | 'ahead' | 'delay' | 'preferred' | 'retry'

export type Decision =
  { readonly take: number; readonly cutBy: CutBy } | { readonly take: 0; readonly waitMs: number }

/**
 * How many items a free worker takes now, or how long it waits for company first.
 *
 * Work-conserving unless a delay was asked for: what is there is taken at once, so batches form by themselves while
 * workers are busy and nobody waits at low load. The delay counts from the arrival of the oldest item, and
 * ends early where a deadline would pass.
 */
export function decide(facts: BatchFacts): Decision {
  const { waiting, batchSize, oldestMs, maxDelayMs, leftMs, preferredSizes } = facts
  if (waiting === 0) return { take: 0, waitMs: Infinity }
  if (waiting >= batchSize) return { take: batchSize, cutBy: 'full' }
  if (maxDelayMs === 0) return { take: waiting, cutBy: 'idle' }
  const waitMs = Math.min(maxDelayMs - oldestMs, leftMs)
  if (waitMs <= 0) return { take: waiting, cutBy: 'delay' }
  const preferred = Math.max(0, ...preferredSizes.filter(size => size <= waiting))
  return preferred > 0 ? { take: preferred, cutBy: 'preferred' } : { take: 0, waitMs }
}

/**
 * Whether a worker that is busy gets a further batch, so that it can begin as soon as it is free: one that is large enough
 * to be worth it, and only where each other worker that becomes free meanwhile still finds as much.
 */
export function maySpare(facts: { waiting: number; least: number; workers: number }): boolean {
  return facts.waiting >= facts.least * Math.max(1, facts.workers)
}
