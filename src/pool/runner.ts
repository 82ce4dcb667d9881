import type { Taker } from '../batching/takers.ts'
import type { Item, Verb } from '../worker/protocol.ts'
import { killAfter } from './kill-after.ts'
import type { BatchResult, WorkerPort } from './port.ts'

export interface RunnerOptions {
  /** Milliseconds until a worker that has not answered is killed; Infinity waits for ever. */
  readonly responseTimeoutMs: number
  /** Milliseconds that batches take lately; Infinity where none may wait in the worker. */
  batchMs(): number
}

/** How a run went. */
export type Ran =
  | { readonly ok: true; readonly result: BatchResult; readonly ms: number; readonly startedAt: number }
  | {
      readonly ok: false
      readonly error: unknown
      /** False for what had been sent and waited behind another run. */
      readonly wasRunning: boolean
      readonly isLate: boolean
    }

interface Run {
  /** `performance.now()` when it was its turn; undefined before that. */
  startedAt: number | undefined
  timer: NodeJS.Timeout | undefined
  isLate: boolean
}

/** A batch waits in a worker, past recall, only where it will be its turn within this time. */
const MAX_AHEAD_MS = 100
/**
 * Where batches take less, the way to the worker and back takes as long as they do: one that is as large as the one before
 * it need not be full to go ahead.
 */
const QUICK_MS = 5

/**
 * What one worker has to run, in its order: knows which run is on, kills the worker where that takes too long, and says
 * whether it wants more. Its time counts from its turn.
 */
export class Runner implements Taker {
  held = 0
  lastSize = 0
  isAlone = false
  readonly port: WorkerPort
  readonly #options: RunnerOptions
  readonly #runs: Run[] = []
  #isBroken = false

  constructor(port: WorkerPort, options: RunnerOptions) {
    this.port = port
    this.#options = options
  }

  /** A second batch, but no third, and not behind one that may take long. */
  wantsFrom(batchSize: number): number {
    const batchMs = this.#options.batchMs()
    if (this.held !== 1 || batchMs > MAX_AHEAD_MS) return Infinity
    // Where there is none yet, what it was given is about to start. What runs for long is likely to be stuck or slow.
    const startedAt = this.#runs[0]?.startedAt
    if (startedAt !== undefined && performance.now() - startedAt >= MAX_AHEAD_MS) return Infinity
    return batchMs > QUICK_MS ? batchSize : Math.min(batchSize, this.lastSize)
  }

  /** Never throws. */
  async run(verb: Verb, items: readonly Item[]): Promise<Ran> {
    const run: Run = { startedAt: undefined, timer: undefined, isLate: false }
    this.#runs.push(run)
    this.#startNext()
    try {
      const result = await this.port.run(verb, items)
      if (result.answers.length !== items.length) throw new Error('gave an answer that could not be used')
      const now = performance.now()
      const startedAt = run.startedAt ?? now
      return { ok: true, result, startedAt, ms: now - startedAt }
    } catch (error) {
      this.#isBroken = true
      // A worker whose answer made no sense is still there.
      this.port.kill('gave an answer that could not be used')
      return { ok: false, error, wasRunning: run.startedAt !== undefined, isLate: run.isLate }
    } finally {
      clearTimeout(run.timer)
      this.#runs.splice(this.#runs.indexOf(run), 1)
      this.#startNext()
    }
  }

  #startNext(): void {
    const [run] = this.#runs
    if (run === undefined || run.startedAt !== undefined || this.#isBroken) return
    run.startedAt = performance.now()
    const kill = (reason: string) => {
      run.isLate = true
      this.port.kill(reason)
    }
    run.timer = killAfter(kill, this.#options.responseTimeoutMs, 'did not answer within')
  }
}
