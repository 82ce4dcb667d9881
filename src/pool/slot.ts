import { failureWith, type Failure } from '../errors.ts'
import type { Entry, Queue } from '../batching/queue.ts'
import type { Item, LoadOrder, Verb } from '../worker/protocol.ts'
import type { Answer } from '../worker/protocol.ts'
import { backoff } from './backoff.ts'
import { LoadFailed, WorkerEnded, type BatchResult, type Loaded, type WorkerPort } from './port.ts'

/** The life of a slot: the states and the steps that are allowed between them. */
const steps = {
  idle: ['starting', 'stopped'],
  starting: ['ready', 'waiting', 'failed', 'stopped'],
  ready: ['draining', 'waiting', 'failed', 'stopped'],
  waiting: ['starting', 'stopped'],
  draining: ['stopped'],
  failed: ['stopped'],
  stopped: [],
} as const satisfies Record<string, readonly string[]>

export type SlotState = keyof typeof steps

/** One job in the queue: what a worker gets, and which verb it is for. */
export interface Job {
  readonly verb: Verb
  readonly item: Item
}

/** What a job's promise resolves to: its answer and the batch it came with. */
export interface Outcome {
  readonly answer: Answer
  readonly batch: BatchReport
  /** Milliseconds between push and cut. */
  readonly queueMs: number
}

/** What is known of a batch that ran; one object for all its jobs. */
export interface BatchReport {
  readonly worker: string
  readonly size: number
  /** Round trip as the server saw it, milliseconds. */
  readonly workerMs: number
  readonly timings: BatchResult['timings']
  readonly metrics: BatchResult['metrics']
}

/** Who wants to know what happens in a pool: logs and metrics. Decides nothing. */
export interface PoolObserver {
  onState(worker: string, state: SlotState, reason: string): void
  onLoaded(worker: string, loaded: Loaded, sinceStartMs: number): void
  onBatch(batch: BatchReport): void
}

export interface SlotOptions {
  /** Unique in the server; TorchServe shows it as the worker's id. */
  readonly id: string
  readonly queue: Queue<Job, Outcome>
  readonly order: LoadOrder
  /** Milliseconds; Infinity waits for ever. */
  readonly startupTimeoutMs: number
  readonly responseTimeoutMs: number
  readonly giveUpMs: number
  openPort(id: string): WorkerPort
  readonly observer: PoolObserver
}

/** Milliseconds a worker that was asked to end may take before it is killed. */
const STOP_GRACE_MS = 2000

/**
 * The server's side of one worker: starts it, lets it pull batches, replaces it when it dies, and ends it. One batch
 * at a time; a worker that dies or does not answer in time fails exactly that batch.
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
  #port: WorkerPort | undefined
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
      this.#to('starting')
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
    const { startupTimeoutMs, order, observer } = this.#options
    const port = this.#options.openPort(this.id)
    this.#port = port
    const timer = killAfter(
      port,
      startupTimeoutMs,
      `did not load its model within ${seconds(startupTimeoutMs)}`,
    )
    try {
      const loaded = await port.load(order)
      observer.onLoaded(this.id, loaded, performance.now() - startedAt)
      this.#firstLoad.resolve(loaded)
      this.#to('ready')
    } catch (error) {
      port.kill('was ended because its model did not load')
      await port.ended
      this.#firstLoad.reject(error)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  /** Pulls and runs batches until it is asked to stop; throws why the worker ended. */
  async #serve(): Promise<void> {
    const port = this.#port
    if (port === undefined) throw new Error('A slot serves only after it started.')
    const stop = new AbortController()
    const onStop = () => stop.abort()
    this.#stopping.signal.addEventListener('abort', onStop)
    let died: WorkerEnded | undefined
    const watch = port.ended.then(why => {
      died = why
      stop.abort()
    })
    let alive = true
    while (alive && !this.#stopping.signal.aborted) {
      const batch = await this.#options.queue.next(stop.signal)
      if (batch.length === 0) break
      alive = await this.#run(port, batch)
    }
    this.#stopping.signal.removeEventListener('abort', onStop)
    if (!alive) await watch
    if (died !== undefined) throw died
    this.#to('draining')
    port.stop()
    const timer = killAfter(port, STOP_GRACE_MS, 'did not end when it was asked to')
    await watch
    clearTimeout(timer)
  }

  /** Runs one batch and settles each of its jobs; false once the worker is gone. Never throws. */
  async #run(port: WorkerPort, batch: Entry<Job, Outcome>[]): Promise<boolean> {
    const { responseTimeoutMs } = this.#options
    let alive = true
    for (const jobs of groupByVerb(batch)) {
      const cutAt = performance.now()
      const timer = killAfter(port, responseTimeoutMs, `did not answer within ${seconds(responseTimeoutMs)}`)
      try {
        const items = jobs.map(job => job.item.item)
        const result = await port.run(jobs[0]?.item.verb ?? 'predict', items)
        this.#settle(jobs, result, cutAt)
      } catch (error) {
        alive = false
        const gone = workerDied(error)
        for (const job of jobs) job.reject(gone)
      } finally {
        clearTimeout(timer)
      }
    }
    return alive
  }

  #settle(jobs: Entry<Job, Outcome>[], result: BatchResult, cutAt: number): void {
    const workerMs = performance.now() - cutAt
    const { timings, metrics } = result
    const batch: BatchReport = { worker: this.id, size: jobs.length, workerMs, timings, metrics }
    this.#options.observer.onBatch(batch)
    jobs.forEach((job, index) => {
      const answer = result.answers[index]
      if (answer === undefined) throw new Error('A port gives one answer per item.')
      job.resolve({ answer, batch, queueMs: cutAt - job.queuedAt })
    })
  }
}

/** The failure that the clients of a batch get whose worker ended. */
function workerDied(error: unknown): Failure {
  const ended = error instanceof WorkerEnded ? error : undefined
  const status = ended?.outOfMemory === true ? { status: 507 } : {}
  return failureWith({ ...status, cause: error, reason: `The worker ${sayWhy(error)}.` }, 'WORKER_DIED')
}

function sayWhy(error: unknown): string {
  if (error instanceof LoadFailed) return error.message
  return error instanceof Error ? error.message : String(error)
}

/** A batch may hold jobs of several verbs; the handler gets those of one at a time. */
function groupByVerb(batch: Entry<Job, Outcome>[]): Entry<Job, Outcome>[][] {
  const verb = batch[0]?.item.verb
  if (batch.every(job => job.item.verb === verb)) return [batch]
  return [...Map.groupBy(batch, job => job.item.verb).values()]
}

function killAfter(port: WorkerPort, ms: number, reason: string): NodeJS.Timeout | undefined {
  return Number.isFinite(ms) ? setTimeout(() => port.kill(reason), ms) : undefined
}

function seconds(ms: number): string {
  return `${ms / 1000} s`
}

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
