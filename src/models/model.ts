import type { Archive } from '../archive/reader.ts'
import { Queue } from '../batching/queue.ts'
import { failure, failureWith } from '../errors.ts'
import { Pool, type PoolOptions, type WorkerInfo } from '../pool/pool.ts'
import type { Job, Outcome, PoolObserver } from '../pool/slot.ts'
import type { ModelSettings } from './settings.ts'

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
  readonly observer: ModelObserver
  readonly pool: Pick<PoolOptions, 'order' | 'openPort' | 'nextId'>
}

/** One registered version of a name: archive, settings, queue, pool; and how it is. */
export class Model {
  readonly name: string
  readonly version: string
  readonly archive: Archive
  readonly settings: ModelSettings
  readonly loadedAtStartup: boolean
  readonly pool: Pool
  readonly #queue: Queue<Job, Outcome>
  readonly #observer: ModelObserver

  constructor({ name, version, archive, settings, loadedAtStartup, observer, pool }: ModelOptions) {
    this.name = name
    this.version = version
    this.archive = archive
    this.settings = settings
    this.loadedAtStartup = loadedAtStartup
    this.#queue = new Queue<Job, Outcome>({
      capacity: settings.jobQueueSize,
      batchSize: settings.batchSize,
      maxDelayMs: settings.maxBatchDelayMs,
    })
    const { startupTimeoutMs, responseTimeoutMs, giveUpMs } = settings
    this.#observer = observer
    const poolObserver: PoolObserver = {
      onLoaded: (...loaded) => observer.onLoaded(...loaded),
      onBatch: batch => observer.onBatch(batch),
      onState: (worker, state, reason) => {
        observer.onState(worker, state, reason)
        // Nobody will come for those who wait.
        if (state === 'failed' && !this.pool.canServe) this.#refuseWaiting()
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

  /** Jobs that wait for a worker. */
  get queueLength(): number {
    return this.#queue.length
  }

  /**
   * Queues a job; the promise is its answer. Refuses at once, with NO_WORKER or QUEUE_FULL, what nobody will run.
   * `asked` is the version as the client named it: TorchServe's text depends on it.
   */
  submit(job: Job, asked: string | undefined, isGone: () => boolean): Promise<Outcome> {
    if (!this.pool.canServe) throw failure('NO_WORKER', this.name, asked)
    const answer = this.#queue.push(job, isGone)
    if (answer !== undefined) return answer
    const reason = `${this.#queue.length} requests wait and jobQueueSize is ${this.settings.jobQueueSize}.`
    throw failureWith({ retryAfterS: 1, reason }, 'QUEUE_FULL', this.name, asked)
  }

  /** How the model is, with the reason where it is not well. Derived from its workers. */
  health(): { state: ModelState; reason: string } {
    const workers = this.pool.workers()
    const reason = workers.map(worker => worker.reason).find(text => text !== '') ?? ''
    const ready = workers.filter(worker => worker.state === 'ready').length
    if (workers.length === 0) return { state: 'idle', reason: 'It has no workers.' }
    if (ready >= this.settings.minWorkers) return { state: 'ready', reason: '' }
    if (workers.every(worker => worker.state === 'failed')) return { state: 'failed', reason }
    return { state: ready > 0 ? 'degraded' : 'loading', reason }
  }

  /**
   * Whether /ping may call it healthy, by TorchServe's rule: as many workers as it should have are there, or are on
   * their way and not given up.
   */
  isHealthy(): boolean {
    const hopeful = this.pool.workers().filter(({ state }) => state !== 'failed' && state !== 'stopped')
    return hopeful.length >= Math.min(this.settings.minWorkers, this.pool.size)
  }

  /** Drains and ends its workers, refuses what still waits, and lets go of its archive. */
  async close(): Promise<void> {
    await this.pool.scale(0).drained
    this.#refuseWaiting()
    await this.archive.release()
    this.#observer.onClosed()
  }

  #refuseWaiting(): void {
    this.#queue.rejectAll(failure('NO_WORKER', this.name, undefined))
  }
}
