import { setTimeout as pause } from 'node:timers/promises'
import type { Archive } from '../archive/reader.ts'
import type { Terms } from '../batching/entry.ts'
import { Queue, type DropCause, type Refusal } from '../batching/queue.ts'
import { failure, failureWith, type Failure } from '../errors.ts'
import { Pool, type PoolOptions, type WorkerInfo } from '../pool/pool.ts'
import type { Job, Outcome } from '../pool/run-batch.ts'
import type { PoolObserver } from '../pool/slot.ts'
import type { Tuned } from '../worker/protocol.ts'
import { admit, afterDeath, closedCircuit, sayOpen } from './circuit.ts'
import { withoutPaths } from './load-failure.ts'
import { bytesOf, retryAfterS, toFailure } from './refusal.ts'
import type { ModelSettings } from './settings.ts'
import { mostRows, type Tuning } from './tuning.ts'

export type ModelState = 'loading' | 'ready' | 'degraded' | 'failed' | 'idle'

/** Who wants to know how a model is doing: logs and metrics. Decides nothing. */
export interface ModelObserver extends PoolObserver {
  onOpened(gauges: ModelGauges): void
  /** A request was let in and no worker will get it, or it was not let in. */
  onDropped(cause: DropCause): void
  /** Requests are refused because of this, or, where it is '', let in again. */
  onCircuit(reason: string): void
  onClosed(): void
}

/** Asked when somebody wants to know. */
export interface ModelGauges {
  queueLength(): number
  queueBytes(): number
  workers(): WorkerInfo[]
  isCircuitOpen(): boolean
}

/** What a request asks for; see `Terms`. */
export type RequestTerms = Pick<Terms, 'isGone' | 'deadline' | 'priority'>

export interface ModelOptions {
  readonly name: string
  readonly version: string
  readonly archive: Archive
  readonly settings: ModelSettings
  readonly loadedAtStartup: boolean
  /** The handler in place of the archive's own, where one was asked for. */
  readonly handler?: string | undefined
  /** Removes the archive's file where it was downloaded for this model. */
  readonly removeDownload?: (() => Promise<void>) | undefined
  readonly observer: ModelObserver
  /** undefined: nothing is measured. */
  readonly tuning?: Tuning | undefined
  readonly pool: Pick<PoolOptions, 'openPort' | 'nextId'>
}

/** How long what waits may still be served when the workers are to leave. */
const MAX_DRAIN_MS = 30_000

/** One registered version of a name: archive, settings, queue, pool; and how it is. */
export class Model {
  readonly name: string
  readonly version: string
  readonly archive: Archive
  readonly loadedAtStartup: boolean
  readonly handler: string | undefined
  readonly removeDownload: (() => Promise<void>) | undefined
  readonly tuning: Tuning | undefined
  readonly pool: Pool
  readonly #queue: Queue<Job, Outcome>
  readonly #observer: ModelObserver
  #settings: ModelSettings
  #circuit = closedCircuit
  #closing: Promise<void> | undefined
  /** Settles once the workers that measuring has asked for are there, or are not to be had. */
  #widened: Promise<void> = Promise.resolve()
  /** False while the last workers leave: what waits is still served, nothing is let in. */
  #isOpen = true

  constructor({ name, version, archive, settings, observer, pool, ...options }: ModelOptions) {
    this.name = name
    this.version = version
    this.archive = archive
    this.#settings = settings
    this.loadedAtStartup = options.loadedAtStartup
    this.handler = options.handler
    this.removeDownload = options.removeDownload
    this.#observer = observer
    this.#queue = new Queue<Job, Outcome>({
      capacity: settings.jobQueueSize,
      capacityBytes: settings.jobQueueBytes,
      batchSize: mostRows(settings, options.tuning?.isOn ?? false),
      maxDelayMs: settings.maxBatchDelayMs,
      preferredSizes: settings.preferredBatchSizes,
      maxWaitMs: settings.maxQueueWaitMs,
      onDropped: cause => observer.onDropped(cause),
    })
    this.tuning = options.tuning
    this.#queue.batchLimit = settings.batchSize
    const { startupTimeoutMs, responseTimeoutMs, giveUpMs, mayRetry } = settings
    this.pool = new Pool({
      ...pool,
      observer: this.#observePool(observer),
      queue: this.#queue,
      startupTimeoutMs,
      responseTimeoutMs,
      giveUpMs,
      mayRetry,
    })
    observer.onOpened({
      queueLength: () => this.queueLength,
      queueBytes: () => this.#queue.bytes,
      workers: () => this.pool.workers(),
      isCircuitOpen: () => this.#circuit.open !== undefined,
    })
  }

  /** The most items that one run of the handler gets now. */
  get batchLimit(): number {
    return this.#queue.batchLimit
  }

  get settings(): ModelSettings {
    return this.#settings
  }

  /** Jobs that wait for a worker. */
  get queueLength(): number {
    return this.#queue.length
  }

  /**
   * Queues a job; the promise is its answer. Refuses at once, with NO_WORKER, CIRCUIT_OPEN, QUEUE_FULL or
   * DEADLINE_PASSED, what nobody will run. `asked` is the version as the client named it: TorchServe's text depends on
   * it.
   */
  submit(job: Job, asked: string | undefined, terms: RequestTerms): Promise<Outcome> {
    if (!this.#isOpen || !this.pool.canServe) throw this.#noWorker(asked)
    this.#passCircuit()
    const { isGone, priority } = terms
    const deadline = Math.min(terms.deadline, performance.now() + this.settings.clientTimeoutMs)
    const answer = this.#queue.push(job, { isGone, deadline, priority, bytes: bytesOf(job.item) })
    if (answer instanceof Promise) return answer
    throw this.#toFailure(answer, asked)
  }

  /** Throws, and counts, what `submit` would now for want of room or of time: for a job that is still on its way. */
  admit(asked: string | undefined, terms: Omit<RequestTerms, 'isGone'>): void {
    const refusal = this.#queue.refuse({ ...terms, bytes: 0 })
    if (refusal !== undefined) throw this.#toFailure(refusal, asked)
  }

  #toFailure(refusal: Refusal, asked: string | undefined): Failure {
    return toFailure(refusal, { model: this.name, asked, waiting: this.queueLength, settings: this.settings })
  }

  /** How the model is, with the reason where it is not well. Derived from its workers. */
  health(): { state: ModelState; reason: string } {
    const workers = this.pool.states()
    const reason = workers.map(worker => worker.reason).find(text => text !== '') ?? ''
    const ready = workers.filter(worker => worker.state === 'ready').length
    if (workers.length === 0) return { state: 'idle', reason: 'It has no workers.' }
    const refusing = sayOpen(this.#circuit)
    if (refusing !== '') return { state: 'degraded', reason: refusing }
    if (ready >= this.settings.minWorkers) return { state: 'ready', reason: '' }
    if (!this.pool.canServe) return { state: 'failed', reason }
    return { state: ready > 0 ? 'degraded' : 'loading', reason }
  }

  /**
   * Whether /ping may call it healthy, by TorchServe's rule: as many workers as it should have are there, or are on
   * their way and not given up.
   */
  isHealthy(): boolean {
    const hopeful = this.pool.states().filter(({ state }) => state !== 'failed' && state !== 'stopped')
    return hopeful.length >= Math.min(this.settings.minWorkers, this.pool.size)
  }

  /**
   * Starts the first workers, and those that they find it worth to have. Throws why a first one does not load; one of the
   * others is tried again while the model serves.
   */
  async start(): Promise<void> {
    await this.pool.scale(this.#settings.minWorkers).ready
    await this.#widened
  }

  /**
   * Starts workers up to `minWorkers`, drains those above `maxWorkers`, and keeps the numbers. Resolves when that is
   * done; where a new worker does not load, the numbers go back and the reason is thrown.
   */
  async scale(minWorkers: number, maxWorkers: number): Promise<void> {
    const before = { settings: this.#settings, size: this.pool.size }
    this.#settings = { ...this.#settings, minWorkers, maxWorkers, areWorkersFree: false }
    const size = Math.min(Math.max(this.pool.size, minWorkers), maxWorkers)
    if (size === 0) await this.#drain()
    const { ready, drained } = this.pool.scale(size)
    try {
      await Promise.all([ready, drained])
    } catch (error) {
      this.#settings = before.settings
      // A model that is closed meanwhile has none to go back to.
      if (this.#closing === undefined) await this.pool.scale(Math.min(before.size, this.pool.size)).drained
      throw error
    } finally {
      this.#isOpen = this.#closing === undefined
    }
    if (size === 0) this.#refuseWaiting()
  }

  /**
   * Serves what waits, ends the workers, and lets go of the archive. What nobody served is refused as a model that is
   * not there. Once it is begun it cannot be undone.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#drain()
    await this.pool.scale(0).drained
    this.#refuseWaiting(failure('VERSION_NOT_FOUND', this.name, this.version))
    await this.archive.release()
    this.#observer.onClosed()
  }

  /** Takes over what a worker measured: how large batches are, and how many workers there are where nobody said. */
  #learn(tuned: Tuned | undefined): void {
    if (this.tuning === undefined) return
    this.tuning.learn(tuned)
    this.#queue.batchLimit = this.tuning.batchLimit(this.#settings)
    const workers = this.tuning.workers(this.#settings)
    if (workers === undefined || this.#closing !== undefined) return
    this.#settings = { ...this.#settings, minWorkers: workers, maxWorkers: workers, areWorkersFree: false }
    this.#widened = this.pool.scale(workers).ready.catch(() => {})
  }

  /** Lets nothing in any more and waits until the workers have taken what waits, as long as there are any. */
  async #drain(): Promise<void> {
    this.#isOpen = false
    if (this.pool.readyCount === 0) return
    const timeout = new AbortController()
    const limitMs = Math.min(this.#settings.responseTimeoutMs, MAX_DRAIN_MS)
    const late = pause(limitMs, undefined, { signal: timeout.signal }).catch(() => {})
    await Promise.race([this.#queue.empty(), late])
    timeout.abort()
  }

  #observePool(observer: ModelObserver): PoolObserver {
    return {
      onLoaded: (...loaded) => {
        observer.onLoaded(...loaded)
        this.#learn(loaded[1].tuned)
      },
      onBatch: batch => {
        this.#turnCircuit(closedCircuit)
        observer.onBatch(batch)
      },
      onDeath: death => {
        observer.onDeath(death)
        this.#turnCircuit(afterDeath(this.#circuit, { ...death, now: performance.now() }))
      },
      onDiscarded: cause => observer.onDiscarded(cause),
      onState: (worker, state, reason) => {
        observer.onState(worker, state, reason)
        // Nobody will come for those who wait.
        if ((state === 'failed' || state === 'waiting') && !this.pool.canServe) this.#refuseWaiting()
      },
    }
  }

  #turnCircuit(circuit: typeof closedCircuit): void {
    const before = this.#circuit
    this.#circuit = circuit
    if ((before.open === undefined) !== (circuit.open === undefined)) {
      this.#observer.onCircuit(sayOpen(circuit))
    }
  }

  /** Throws CIRCUIT_OPEN where workers die again and again: what waits already, and a request now and then, is tried. */
  #passCircuit(): void {
    if (this.#circuit.open === undefined) return
    const { isLetIn, circuit } = admit(this.#circuit, performance.now())
    this.#circuit = circuit
    if (isLetIn) return
    this.#observer.onDropped('circuit_open')
    const pauseMs = (circuit.open?.nextTryAt ?? 0) - performance.now()
    const details = { retryAfterS: retryAfterS(pauseMs), reason: withoutPaths(sayOpen(circuit)) }
    throw failureWith(details, 'CIRCUIT_OPEN', this.name)
  }

  #noWorker(asked: string | undefined): Failure {
    const { reason } = this.health()
    const details = reason === '' ? {} : { reason: withoutPaths(reason) }
    return failureWith(details, 'NO_WORKER', this.name, asked)
  }

  #refuseWaiting(why = this.#noWorker(undefined)): void {
    this.#queue.rejectAll(why)
  }
}
