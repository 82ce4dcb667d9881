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
}

export type Decision = { readonly take: number } | { readonly take: 0; readonly waitMs: number }

/**
 * How many items a free worker takes now, or how long it waits for company first.
 *
 * Work-conserving unless a delay was asked for: what is there is taken at once, so batches form by themselves while
 * workers are busy and nobody waits at low load. The delay counts from the arrival of the oldest item.
 */
export function decide({ waiting, batchSize, oldestMs, maxDelayMs }: BatchFacts): Decision {
  if (waiting === 0) return { take: 0, waitMs: Infinity }
  if (waiting >= batchSize) return { take: batchSize }
  const waitMs = maxDelayMs - oldestMs
  return waitMs > 0 ? { take: 0, waitMs } : { take: waiting }
}
