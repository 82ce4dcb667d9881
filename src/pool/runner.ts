import type { Taker } from '../batching/takers.ts'
import type { Item, Verb } from '../worker/protocol.ts'
import { killAfter } from './kill-after.ts'
import type { BatchResult, WorkerPort } from './port.ts'

export interface RunnerOptions {
  /** Milliseconds until a worker that has not answered is killed; Infinity waits for ever. */
  readonly responseTimeoutMs: number
  /** Whether a batch may wait in the worker while another one runs. */
  mayRunAhead(): boolean
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

/** What runs for longer is likely to be stuck or slow: nobody is to wait behind it. */
const MAX_RUN_MS = 100

/**
 * What one worker has to run, in its order: knows which run is on, kills the worker where that takes too long, and says
 * whether it wants more. Its time counts from its turn.
 */
export class Runner implements Taker {
  held = 0
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
  wantsMore(): boolean {
    if (this.held !== 1 || !this.#options.mayRunAhead()) return false
    // Where there is none yet, what it was given is about to start.
    const startedAt = this.#runs[0]?.startedAt
    return startedAt === undefined || performance.now() - startedAt < MAX_RUN_MS
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
