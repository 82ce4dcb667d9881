import { setTimeout as pause } from 'node:timers/promises'
import type { Archive } from '../archive/reader.ts'
import { Queue } from '../batching/queue.ts'
import { failure, failureWith, type Failure } from '../errors.ts'
import { Pool, type PoolOptions, type WorkerInfo } from '../pool/pool.ts'
import type { Job, Outcome } from '../pool/run-batch.ts'
import type { PoolObserver } from '../pool/slot.ts'
import type { Tuned } from '../worker/protocol.ts'
import { withoutPaths } from './load-failure.ts'
import type { ModelSettings } from './settings.ts'
import { mostRows, type Tuning } from './tuning.ts'

export type ModelState = 'loading' | 'ready' | 'degraded' | 'failed' | 'idle'

/** Who wants to know how a model is doing: logs and metrics. Decides nothing. */
export interface ModelObserver extends PoolObserver {
  onOpened(gauges: { queueLength: () => number; workers: () => WorkerInfo[] }): void
  onClosed(): void
}

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
  #closing: Promise<void> | undefined
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
    this.#queue = new Queue<Job, Outcome>({
      capacity: settings.jobQueueSize,
      batchSize: mostRows(settings, options.tuning?.isOn ?? false),
      maxDelayMs: settings.maxBatchDelayMs,
    })
    this.tuning = options.tuning
    this.#queue.batchLimit = settings.batchSize
    const { startupTimeoutMs, responseTimeoutMs, giveUpMs } = settings
    this.#observer = observer
    const poolObserver: PoolObserver = {
      onLoaded: (...loaded) => {
        observer.onLoaded(...loaded)
        this.#learn(loaded[1].tuned)
      },
      onBatch: batch => observer.onBatch(batch),
      onState: (worker, state, reason) => {
        observer.onState(worker, state, reason)
        // Nobody will come for those who wait.
        if ((state === 'failed' || state === 'waiting') && !this.pool.canServe) this.#refuseWaiting()
      },
    }
    this.pool = new Pool({
      ...pool,
      observer: poolObserver,
      queue: this.#queue,
      startupTimeoutMs,
      responseTimeoutMs,
      giveUpMs,
    })
    observer.onOpened({ queueLength: () => this.queueLength, workers: () => this.pool.workers() })
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
   * Queues a job; the promise is its answer. Refuses at once, with NO_WORKER or QUEUE_FULL, what nobody will run.
   * `asked` is the version as the client named it: TorchServe's text depends on it.
   */
  submit(job: Job, asked: string | undefined, isGone: () => boolean): Promise<Outcome> {
    if (!this.#isOpen || !this.pool.canServe) throw this.#noWorker(asked)
    const answer = this.#queue.push(job, isGone)
    if (answer !== undefined) return answer
    const reason = `${this.#queue.length} requests wait and jobQueueSize is ${this.settings.jobQueueSize}.`
    throw failureWith({ retryAfterS: 1, reason }, 'QUEUE_FULL', this.name, asked)
  }

  /** How the model is, with the reason where it is not well. Derived from its workers. */
  health(): { state: ModelState; reason: string } {
    const workers = this.pool.states()
    const reason = workers.map(worker => worker.reason).find(text => text !== '') ?? ''
    const ready = workers.filter(worker => worker.state === 'ready').length
    if (workers.length === 0) return { state: 'idle', reason: 'It has no workers.' }
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
    this.pool.scale(workers)
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

  #noWorker(asked: string | undefined): Failure {
    const { reason } = this.health()
    const details = reason === '' ? {} : { reason: withoutPaths(reason) }
    return failureWith(details, 'NO_WORKER', this.name, asked)
  }

  #refuseWaiting(why = this.#noWorker(undefined)): void {
    this.#queue.rejectAll(why)
  }
}
