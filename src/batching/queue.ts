import { decide } from './policy.ts'

/** One item in the queue, on its way to an answer. */
export interface Entry<I, A> {
  readonly item: I
  /** `performance.now()` when it was pushed. */
  readonly queuedAt: number
  resolve(answer: A): void
  reject(error: unknown): void
}

export interface QueueOptions {
  /** Items that may wait; one more is refused. */
  readonly capacity: number
  /** Most items in one batch. */
  readonly batchSize: number
  /** Milliseconds an item may wait for company; 0 takes what is there. */
  readonly maxDelayMs: number
}

interface Waiting<I, A> extends Entry<I, A> {
  readonly isGone: () => boolean
}

const neverGone = () => false

/**
 * The bounded queue of one model version. Requests push into it, free workers pull batches out of it, and that is
 * all: it knows no worker, no clock but `performance.now()`, and no error but the ones it is handed.
 */
export class Queue<I, A> {
  readonly options: QueueOptions
  #entries: Waiting<I, A>[] = []
  #pullers: (() => void)[] = []
  #onEmpty: (() => void)[] = []

  constructor(options: QueueOptions) {
    this.options = options
  }

  /** Items that wait now. */
  get length(): number {
    return this.#entries.length
  }

  /**
   * Puts an item in; the promise is its answer. Undefined where the queue is full: the caller refuses at once.
   * `isGone` is asked when a batch is cut: an item nobody waits for any more is dropped with `gone()`.
   */
  push(item: I, isGone: () => boolean = neverGone): Promise<A> | undefined {
    if (this.#entries.length >= this.options.capacity) this.#dropGone()
    if (this.#entries.length >= this.options.capacity) return undefined
    const { promise, resolve, reject } = Promise.withResolvers<A>()
    this.#entries.push({ item, queuedAt: performance.now(), resolve, reject, isGone })
    this.#wakeOne()
    return promise
  }

  /** Waits for work and takes a batch as the policy cuts it; empty once `stop` is aborted. */
  async next(stop: AbortSignal): Promise<Entry<I, A>[]> {
    while (!stop.aborted) {
      this.#dropGone()
      const oldest = this.#entries[0]
      const decision = decide({
        waiting: this.#entries.length,
        batchSize: this.options.batchSize,
        maxDelayMs: this.options.maxDelayMs,
        oldestMs: oldest === undefined ? 0 : performance.now() - oldest.queuedAt,
      })
      if (decision.take > 0) return this.#cut(decision.take)
      await this.#woken('waitMs' in decision ? decision.waitMs : Infinity, stop)
    }
    // A wake-up that this puller got and no longer wants belongs to somebody else.
    if (this.#entries.length > 0) this.#wakeOne()
    return []
  }

  /** Resolves once nothing waits. */
  empty(): Promise<void> {
    return new Promise(resolve => {
      if (this.#entries.length === 0) resolve()
      else this.#onEmpty.push(resolve)
    })
  }

  /** Rejects everything that waits. Later pushes are taken again. */
  rejectAll(error: unknown): void {
    const entries = this.#entries
    this.#entries = []
    for (const entry of entries) entry.reject(error)
    this.#tellEmpty()
  }

  #cut(size: number): Entry<I, A>[] {
    const batch = this.#entries.splice(0, size)
    if (this.#entries.length > 0) this.#wakeOne()
    else this.#tellEmpty()
    return batch
  }

  #tellEmpty(): void {
    for (const tell of this.#onEmpty.splice(0)) tell()
  }

  #dropGone(): void {
    if (!this.#entries.some(entry => entry.isGone())) return
    const [left, gone] = [[], []] as [Waiting<I, A>[], Waiting<I, A>[]]
    for (const entry of this.#entries) (entry.isGone() ? gone : left).push(entry)
    this.#entries = left
    for (const entry of gone) entry.reject(new ClientGone())
    if (left.length === 0) this.#tellEmpty()
  }

  #wakeOne(): void {
    this.#pullers.shift()?.()
  }

  /** Resolves when an item came, the time is over, or `stop` was aborted. */
  #woken(waitMs: number, stop: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const wake = () => {
        clearTimeout(timer)
        stop.removeEventListener('abort', abandon)
        resolve()
      }
      const abandon = () => {
        this.#pullers = this.#pullers.filter(puller => puller !== wake)
        wake()
      }
      const timer = Number.isFinite(waitMs) ? setTimeout(abandon, waitMs) : undefined
      stop.addEventListener('abort', abandon)
      // A puller that waits for company keeps its place before those that wait for anything at all.
      if (timer === undefined) this.#pullers.push(wake)
      else this.#pullers.unshift(wake)
    })
  }
}

/** Why an item was dropped from the queue: nobody waits for its answer any more. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone'
}
