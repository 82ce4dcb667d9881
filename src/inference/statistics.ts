import type { Outcome } from '../pool/run-batch.ts'

/** How often, and for how long altogether. */
export interface Duration {
  count: number
  ns: number
}

type Durations<K extends string> = Readonly<Record<K, Duration>>

/** The counts of one model version as the Open Inference Protocol's statistics extension spells them. */
export interface ModelStatistics {
  readonly name: string
  readonly version: string
  /** Milliseconds since the epoch; 0 before the first. */
  readonly last_inference: number
  /** Requests that were answered; runs of a worker that answered them. */
  readonly inference_count: number
  readonly execution_count: number
  readonly inference_stats: Durations<
    | 'success'
    | 'fail'
    | 'queue'
    | 'compute_input'
    | 'compute_infer'
    | 'compute_output'
    | 'cache_hit'
    | 'cache_miss'
  >
  readonly response_stats: Readonly<Record<string, never>>
  readonly batch_stats: readonly ({ readonly batch_size: number } & Durations<
    'compute_input' | 'compute_infer' | 'compute_output'
  >)[]
  readonly memory_usage: readonly {
    readonly type: string
    readonly id: number
    readonly byte_size: number
  }[]
}

const STAGES = [
  ['compute_input', 'preprocess'],
  ['compute_infer', 'inference'],
  ['compute_output', 'postprocess'],
] as const

const NS_PER_MS = 1e6

/** What was counted for one model version since it was registered. */
export class ModelCounts {
  #lastMs = 0
  #executions = 0
  readonly #stats = {
    success: zero(),
    fail: zero(),
    queue: zero(),
    compute_input: zero(),
    compute_infer: zero(),
    compute_output: zero(),
    cache_hit: zero(),
    cache_miss: zero(),
  }
  readonly #bySize = new Map<
    number,
    { compute_input: Duration; compute_infer: Duration; compute_output: Duration }
  >()
  /** The last batch that was counted: its requests are answered one right after the other. */
  #last: Outcome['batch'] | undefined

  answered({ batch, queueMs }: Outcome, totalMs: number): void {
    this.#lastMs = Date.now()
    add(this.#stats.success, totalMs)
    add(this.#stats.queue, queueMs)
    const isFirst = batch !== this.#last
    this.#last = batch
    const ofSize = this.#ofSize(batch.size)
    for (const [stat, stage] of STAGES) {
      const [startMs, endMs] = batch.timings[stage]
      add(this.#stats[stat], endMs - startMs)
      // Of a batch all its requests tell; it ran once.
      if (isFirst) add(ofSize[stat], endMs - startMs)
    }
    if (isFirst) this.#executions++
  }

  failed(totalMs: number): void {
    add(this.#stats.fail, totalMs)
  }

  /** As it is now; later counts do not change it. */
  read(model: { name: string; version: string }, memoryBytes: number): ModelStatistics {
    return {
      name: model.name,
      version: model.version,
      last_inference: this.#lastMs,
      inference_count: this.#stats.success.count,
      execution_count: this.#executions,
      inference_stats: structuredClone(this.#stats),
      response_stats: {},
      batch_stats: [...this.#bySize]
        .toSorted(([a], [b]) => a - b)
        .map(([size, durations]) => ({ batch_size: size, ...structuredClone(durations) })),
      memory_usage: [{ type: 'CPU', id: 0, byte_size: memoryBytes }],
    }
  }

  #ofSize(size: number) {
    const found = this.#bySize.get(size)
    if (found !== undefined) return found
    const made = { compute_input: zero(), compute_infer: zero(), compute_output: zero() }
    this.#bySize.set(size, made)
    return made
  }
}

function zero(): Duration {
  return { count: 0, ns: 0 }
}

function add(duration: Duration, ms: number): void {
  duration.count++
  duration.ns += Math.max(0, Math.round(ms * NS_PER_MS))
}
