import type { Queue } from '../batching/queue.ts'
import type { LoadOrder } from '../worker/protocol.ts'
import { backoff } from './backoff.ts'
import { killAfter } from './kill-after.ts'
import { LoadFailed, sayWhy, WorkerEnded, type Loaded, type WorkerPort } from './port.ts'
import { runBatch, type BatchObserver, type Job, type Outcome } from './run-batch.ts'
import { Runner } from './runner.ts'

/** The life of a slot: the states and the steps that are allowed between them. */
const steps = {
  idle: ['starting', 'stopped'],
  starting: ['ready', 'waiting', 'failed', 'stopped'],
  ready: ['draining', 'waiting', 'failed', 'stopped'],
  waiting: ['starting', 'stopped'],
  draining: ['waiting', 'failed', 'stopped'],
  failed: ['stopped'],
  stopped: [],
} as const satisfies Record<string, readonly string[]>

export type SlotState = keyof typeof steps

/** Who wants to know what happens in a pool: logs and metrics. Decides nothing. */
export interface PoolObserver extends BatchObserver {
  onState(worker: string, state: SlotState, reason: string): void
  onLoaded(worker: string, loaded: Loaded, sinceStartMs: number): void
}

export interface SlotOptions {
  /** Unique in the server; TorchServe shows it as the worker's id. */
  readonly id: string
  readonly queue: Queue<Job, Outcome>
  /** Milliseconds; Infinity waits for ever. */
  readonly startupTimeoutMs: number
  readonly responseTimeoutMs: number
  readonly giveUpMs: number
  /** Whether what a worker had when it died may run again. */
  readonly mayRetry: boolean
  /** A new worker and what it has to load. Throws where there is nothing that could be started. */
  openPort(id: string): { readonly port: WorkerPort; readonly order: LoadOrder }
  readonly observer: PoolObserver
}

/** Milliseconds a worker that was asked to end may take before it is killed. */
const STOP_GRACE_MS = 2000

/**
 * The server's side of one worker: starts it, lets it pull batches, replaces it when it dies, and ends it. What a worker
 * had that died goes back to the queue; one that does not answer in time fails exactly the batch that it ran.
 */
export class Slot {
  readonly id: string
  readonly startedAt = new Date()
  /** The first time the worker is ready, or the reason why it never was. */
  readonly firstLoad: Promise<Loaded>
  readonly #options: SlotOptions
  readonly #stopping = new AbortController()
  readonly #life: Promise<void>
  #state: SlotState = 'idle'
  #reason = ''
  /** The model or its handler did not load, which no further try is likely to change. */
  #isRefused = false
  #port: WorkerPort | undefined
  /** Its worker ends because it has outgrown its memory, and another one comes. */
  #isRenewing = false
  #firstLoad = Promise.withResolvers<Loaded>()

  constructor(options: SlotOptions) {
    this.id = options.id
    this.#options = options
    this.firstLoad = this.#firstLoad.promise
    this.firstLoad.catch(() => {}) // Whoever asks gets it; nobody has to ask.
    this.#life = this.#live()
  }

  get state(): SlotState {
    return this.#state
  }

  /** Whether its worker serves or may be expected to: not where the model itself was refused when it last loaded. */
  get isHopeful(): boolean {
    if (this.#state === 'draining') return this.#isRenewing
    return !this.#isRefused && (['starting', 'ready', 'waiting'] as SlotState[]).includes(this.#state)
  }

  /** Why it is in its state, as a sentence for a person; '' where there is nothing to say. */
  get reason(): string {
    return this.#reason
  }

  get pid(): number | undefined {
    return this.#port?.pid
  }

  memoryBytes(): number | undefined {
    return this.#port?.memoryBytes()
  }

  /** Takes no further batch, finishes the one that runs, and ends the worker. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    // Not ready yet: there is nothing to finish.
    if (this.#state === 'starting') this.#port?.kill('was stopped while it started')
    await this.#life
  }

  #to(next: SlotState, reason = ''): void {
    const allowed: readonly SlotState[] = steps[this.#state]
    if (!allowed.includes(next)) throw new Error(`A slot cannot go from ${this.#state} to ${next}.`)
    this.#state = next
    this.#reason = reason
    this.#options.observer.onState(this.id, next, reason)
  }

  async #live(): Promise<void> {
    let failures = 0
    let outageSince = 0
    let hadLoaded = false
    while (!this.#stopping.signal.aborted) {
      this.#to('starting', this.#reason) // What went wrong before is worth knowing until it has worked.
      const loaded = this.#start()
      const why = await loaded.then(() => this.#serve()).catch((error: unknown) => error)
      if (why === undefined) break // Asked to stop.
      if (await isFulfilled(loaded)) [failures, hadLoaded] = [0, true]
      if (++failures === 1) outageSince = performance.now()
      const sinceMs = performance.now() - outageSince
      const pauseMs = backoff({ failures, hadLoaded, sinceMs, giveUpMs: this.#options.giveUpMs })
      if (!(await this.#pause(pauseMs, sayWhy(why)))) break
    }
    this.#firstLoad.reject(new WorkerEnded('was stopped before it was ready'))
    // A slot that failed for good stays visible as such until it is stopped.
    if (this.#state === 'failed') await aborted(this.#stopping.signal)
    this.#to('stopped', this.#reason)
  }

  /** Waits before the next start; false where there will be none. `pauseMs` undefined gives up. */
  async #pause(pauseMs: number | undefined, why: string): Promise<boolean> {
    if (this.#stopping.signal.aborted) return false
    if (pauseMs === undefined) {
      this.#to('failed', why)
      return false
    }
    this.#to('waiting', why)
    await aborted(this.#stopping.signal, pauseMs)
    return !this.#stopping.signal.aborted
  }

  async #start(): Promise<void> {
    const startedAt = performance.now()
    let opened: ReturnType<SlotOptions['openPort']>
    try {
      opened = this.#options.openPort(this.id)
    } catch (error) {
      this.#firstLoad.reject(error)
      throw error
    }
    const { port, order } = opened
    this.#port = port
    const { startupTimeoutMs, observer } = this.#options
    const timer = killAfter(kill(port), startupTimeoutMs, 'did not load its model within')
    try {
      const loaded = await port.load(order)
      observer.onLoaded(this.id, loaded, performance.now() - startedAt)
      this.#firstLoad.resolve(loaded)
      this.#isRefused = false
      this.#to('ready')
    } catch (error) {
      this.#isRefused = error instanceof LoadFailed
      port.kill('was ended because its model did not load')
      await port.ended
      this.#firstLoad.reject(error)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  /** Pulls and runs batches until it is asked to stop or has outgrown its memory; throws why the worker ended. */
  async #serve(): Promise<void> {
    const port = this.#port
    if (port === undefined) throw new Error('A slot serves only after it started.')
    const stop = new AbortController()
    const onStop = () => stop.abort()
    this.#stopping.signal.addEventListener('abort', onStop)
    if (this.#stopping.signal.aborted) onStop()
    let died: WorkerEnded | undefined
    const watch = port.ended.then(why => {
      died = why
      stop.abort()
    })
    const isWell = await this.#pull(port, stop)
    this.#stopping.signal.removeEventListener('abort', onStop)
    if (!isWell) await watch
    if (died !== undefined) throw died
    const outgrown = this.#stopping.signal.aborted ? undefined : port.outgrown
    this.#isRenewing = outgrown !== undefined
    this.#to('draining', outgrown)
    port.stop()
    const timer = killAfter(kill(port), STOP_GRACE_MS, 'did not end within')
    await watch
    clearTimeout(timer)
    if (outgrown !== undefined) throw new WorkerEnded(outgrown)
  }

  /** Runs batches until `stop`; false where the worker failed. One batch runs, and one may wait in the worker. */
  async #pull(port: WorkerPort, stop: AbortController): Promise<boolean> {
    const { queue, observer, responseTimeoutMs, mayRetry } = this.#options
    const batchMs = () => (mayRetry ? (queue.pace.batchMs ?? Infinity) : Infinity)
    const runner = new Runner(port, { responseTimeoutMs, batchMs })
    let isWell = true
    const pull = async () => {
      let next = queue.next(stop.signal, runner)
      for (;;) {
        const batch = await next
        if (batch.entries.length === 0) break
        const finished = await runBatch(batch, { worker: this.id, runner, queue, mayRetry, observer })
        runner.held -= 1
        isWell &&= finished.isWell
        if (!finished.isWell || port.outgrown !== undefined) stop.abort()
        // The worker gets its next batch before anybody is answered: it computes while answers are written.
        next = queue.next(stop.signal, runner)
        finished.settle()
      }
    }
    const leave = queue.join()
    await Promise.all([pull(), pull()])
    leave()
    return isWell
  }
}

const kill = (port: WorkerPort) => (reason: string) => port.kill(reason)

async function isFulfilled(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => true,
    () => false,
  )
}

/** Resolves when `signal` is aborted, or after `ms` where given. */
function aborted(signal: AbortSignal, ms?: number): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = ms === undefined ? undefined : setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
