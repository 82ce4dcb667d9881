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
  /** The one that came after it, as long as both wait. */
  next: Waiting<I, A> | undefined
}

/** How often a full queue is searched for items that nobody waits for: under overload each push finds it full. */
const SEARCH_PAUSE_MS = 5

const neverGone = () => false

/**
 * The bounded queue of one model version. Requests push into it, free workers pull batches out of it, and that is
 * all: it knows no worker, no clock but `performance.now()`, and no error but the ones it is handed.
 */
export class Queue<I, A> {
  readonly options: QueueOptions
  /** Those that wait are a chain: taking some from its front or its middle costs the same however many there are. */
  #first: Waiting<I, A> | undefined
  #last: Waiting<I, A> | undefined
  #length = 0
  #batchLimit: number
  #searchedAt = -Infinity
  #pullers: (() => void)[] = []
  #onEmpty: (() => void)[] = []

  constructor(options: QueueOptions) {
    this.options = options
    this.#batchLimit = options.batchSize
  }

  /** Most items in a batch from now on: `batchSize`, or fewer where more do not pay. */
  get batchLimit(): number {
    return this.#batchLimit
  }

  /** Brought between 1 and `batchSize`. */
  set batchLimit(limit: number) {
    this.#batchLimit = Math.min(Math.max(1, Math.trunc(limit)), this.options.batchSize)
  }

  /** Items that wait now, with those whose client left and that were not dropped yet. */
  get length(): number {
    return this.#length
  }

  /**
   * Puts an item in; the promise is its answer. Undefined where the queue is full: the caller refuses at once.
   * `isGone` is asked when a batch is cut: an item nobody waits for any more is dropped with `gone()`.
   */
  push(item: I, isGone: () => boolean = neverGone): Promise<A> | undefined {
    if (this.#isFull) this.#makeRoom()
    if (this.#isFull) return undefined
    const { promise, resolve, reject } = Promise.withResolvers<A>()
    this.#append({ item, queuedAt: performance.now(), resolve, reject, isGone, next: undefined })
    this.#wakeOne()
    return promise
  }

  /** Waits for work and takes a batch as the policy cuts it; empty once `stop` is aborted. */
  async next(stop: AbortSignal): Promise<Entry<I, A>[]> {
    while (!stop.aborted) {
      const { maxDelayMs } = this.options
      const batchSize = this.#batchLimit
      this.#dropGone(batchSize)
      const oldestMs = this.#first === undefined ? 0 : performance.now() - this.#first.queuedAt
      const decision = decide({ waiting: this.#length, batchSize, maxDelayMs, oldestMs })
      if (decision.take > 0) return this.#cut(decision.take)
      await this.#woken('waitMs' in decision ? decision.waitMs : Infinity, stop)
    }
    // A wake-up that this puller got and no longer wants belongs to somebody else.
    if (this.#length > 0) this.#wakeOne()
    return []
  }

  /** Resolves once nothing waits. */
  empty(): Promise<void> {
    return new Promise(resolve => {
      if (this.#length === 0) resolve()
      else this.#onEmpty.push(resolve)
    })
  }

  /** Rejects everything that waits. Later pushes are taken again. */
  rejectAll(error: unknown): void {
    for (const entry of this.#take(this.#length)) entry.reject(error)
    this.#tellEmpty()
  }

  get #isFull(): boolean {
    return this.#length >= this.options.capacity
  }

  #append(entry: Waiting<I, A>): void {
    if (this.#last === undefined) this.#first = entry
    else this.#last.next = entry
    this.#last = entry
    this.#length += 1
  }

  #cut(size: number): Entry<I, A>[] {
    const batch = this.#take(size)
    if (this.#length > 0) this.#wakeOne()
    else this.#tellEmpty()
    return batch
  }

  /** Takes `size` items, or all there are, from the front. */
  #take(size: number): Waiting<I, A>[] {
    const taken: Waiting<I, A>[] = []
    for (let entry = this.#first; entry !== undefined && taken.length < size; entry = this.#first) {
      taken.push(entry)
      this.#first = entry.next
      // A batch that takes long must not keep those behind it in memory.
      entry.next = undefined
    }
    if (this.#first === undefined) this.#last = undefined
    this.#length -= taken.length
    return taken
  }

  #tellEmpty(): void {
    for (const tell of this.#onEmpty.splice(0)) tell()
  }

  #makeRoom(): void {
    const now = performance.now()
    if (now - this.#searchedAt < SEARCH_PAUSE_MS) return
    this.#searchedAt = now
    this.#dropGone(Infinity)
  }

  /** Drops, from the front on, what nobody waits for any more, until `enough` others are found. */
  #dropGone(enough: number): void {
    let living = 0
    let before: Waiting<I, A> | undefined
    for (let entry = this.#first; entry !== undefined && living < enough; entry = entry.next) {
      if (!entry.isGone()) {
        living += 1
        before = entry
        continue
      }
      if (before === undefined) this.#first = entry.next
      else before.next = entry.next
      if (this.#last === entry) this.#last = before
      this.#length -= 1
      entry.reject(new ClientGone())
    }
    if (this.#length === 0) this.#tellEmpty()
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
