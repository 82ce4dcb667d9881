import { Entry, type Terms, type Unwanted } from './entry.ts'
import { expectedWaitMs, Pace } from './pace.ts'
import { decide, maySpare, type CutBy, type Decision } from './policy.ts'
import { Takers, type Taker } from './takers.ts'
import { Waiting } from './waiting.ts'

export interface QueueOptions {
  /** Items that may wait; one more is refused. */
  readonly capacity: number
  /** Bytes that items may have that wait; one more item is refused, unless none waits. */
  readonly capacityBytes?: number
  /** Most items in one batch. */
  readonly batchSize: number
  /** Milliseconds an item may wait for company; 0 takes what is there. */
  readonly maxDelayMs: number
  /** Sizes for which a batch does not wait any longer. */
  readonly preferredSizes?: readonly number[]
  /** An item that would probably wait longer is refused, whatever its deadline. */
  readonly maxWaitMs?: number
  /** Told of each item that no worker will get. */
  onDropped?(cause: DropCause): void
}

/** Why an item was not let in. */
export type RefusalCause = 'queue_full' | 'queue_bytes' | 'expected_wait' | 'deadline'

/** Why an item was not run; the last one is said by others. */
export type DropCause = RefusalCause | Unwanted | 'circuit_open'

/** What an item asks for. */
type Wanted = Omit<Terms, 'isGone'>

/** An item was not let in; it is for the caller to say so. */
export interface Refusal {
  readonly refused: RefusalCause
  /** How long it would have had to wait, as far as can be told. */
  readonly waitMs: number
}

/** What one run of a worker gets together. */
export interface Batch<I, A> {
  /** Empty only for a puller that was stopped. */
  readonly entries: readonly Entry<I, A>[]
  readonly cutBy: CutBy
}

/** The end of this turn of the event loop: all that had come by its beginning has been pushed. */
const turnEnds = () => new Promise<void>(resolve => void setImmediate(resolve))

/** How often a full queue is searched for items that nobody waits for: under overload each push finds it full. */
const SEARCH_PAUSE_MS = 5

/** A batch waits for company until so many runs fit in before a deadline: one may take longer than the average. */
const DEADLINE_RUNS = 2

const NO_DELAY = { maxDelayMs: 0, oldestMs: 0, leftMs: Infinity, preferredSizes: [] } as const

const neverGone = () => false

/**
 * The bounded queue of one model version. Requests push into it, free workers pull batches out of it, and that is
 * all: it knows no worker, no clock but `performance.now()`, and no error but those it is handed and the two that say
 * that nobody wants an answer any more.
 */
export class Queue<I, A> {
  readonly options: QueueOptions
  /** How fast workers are; whoever runs the batches says so. */
  readonly pace = new Pace()
  readonly #takers = new Takers()
  readonly #waiting = new Waiting<I, A>({
    onDropped: cause => this.options.onDropped?.(cause),
    onEmpty: () => this.#tellEmpty(),
  })
  #batchLimit: number
  /** Of the last batch. */
  #lastSize = 0
  #searchedAt = -Infinity
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
    return this.#waiting.length
  }

  /** What waits has so many. */
  get bytes(): number {
    return this.#waiting.bytes
  }

  /**
   * Puts an item in; the promise is its answer. What cannot be served is refused, and the caller says so. An item that
   * nobody waits for any more gets CLIENT_GONE or DEADLINE_PASSED, and no worker.
   */
  push(item: I, asked: Partial<Terms> = {}): Promise<A> | Refusal {
    const { isGone = neverGone, deadline = Infinity, priority = 'normal', bytes = 0 } = asked
    const terms: Terms = { isGone, deadline, priority, bytes }
    const refusal = this.refuse(terms)
    if (refusal !== undefined) return refusal
    const entry = new Entry<I, A>(item, terms, this.#settled)
    this.#waiting.add(entry)
    this.#wake()
    return entry.answer
  }

  /** Why an item of these terms would not be let in now; it counts as one that was not. */
  refuse(terms: Wanted): Refusal | undefined {
    const refusal = this.#whyRefused(terms)
    if (refusal !== undefined) this.options.onDropped?.(refusal.refused)
    return refusal
  }

  /**
   * Waits for work and takes a batch as the policy cuts it; empty once `stop` is aborted. The batch is counted in
   * `taker.held` until the taker counts it out.
   */
  async next(stop: AbortSignal, taker: Taker = { held: 0 }): Promise<Batch<I, A>> {
    while (!stop.aborted) {
      const decision = this.#decide(taker)
      if ('waitMs' in decision) {
        await this.#takers.woken(taker, decision.waitMs, stop)
        // What the system has read together shall run together. One that came alone last time is not kept waiting.
        if (this.#lastSize > 1) await turnEnds()
        continue
      }
      const { take, cutBy } = decision
      const entries = cutBy === 'retry' ? this.#waiting.takeReturned() : this.#waiting.take(take)
      if (entries.length === 0) continue
      this.#lastSize = entries.length
      taker.held += 1
      taker.lastSize = entries.length
      taker.isAlone = cutBy === 'retry'
      if (this.length > 0) this.#wake()
      return { entries, cutBy }
    }
    // A wake-up that this puller got and no longer wants belongs to somebody else.
    if (this.length > 0) this.#wake()
    return { entries: [], cutBy: 'idle' }
  }

  /** A worker begins to pull; what it gets is called when it ends. */
  join(): () => void {
    this.#takers.serving += 1
    return () => {
      this.#takers.serving -= 1
    }
  }

  /** Takes back what a worker did not answer, before all others; each group runs by itself. */
  giveBack(groups: readonly (readonly Entry<I, A>[])[]): void {
    this.#waiting.giveBack(groups)
    groups.forEach(() => this.#wake())
  }

  /** Resolves once nothing waits. */
  empty(): Promise<void> {
    return new Promise(resolve => {
      if (this.length === 0) resolve()
      else this.#onEmpty.push(resolve)
    })
  }

  /** Rejects everything that waits. Later pushes are taken again. */
  rejectAll(error: unknown): void {
    this.#waiting.rejectAll(error)
  }

  /** Milliseconds until one of this priority that came now would be taken, as far as can be told. */
  expectedWaitMs(priority: Terms['priority'] = 'low'): number {
    if (this.#takers.hasIdle) return 0
    const ahead = this.#waiting.ahead(priority)
    const itemMs = this.pace.itemMs(Math.min(ahead, this.#batchLimit))
    return expectedWaitMs({ ahead, workers: this.#takers.serving, itemMs })
  }

  readonly #settled = (entry: Entry<I, A>) => this.#waiting.settled(entry)

  #whyRefused(terms: Wanted): Refusal | undefined {
    if (this.#whyFull(terms) !== undefined) this.#makeRoom()
    const full = this.#whyFull(terms)
    if (full !== undefined) return { refused: full, waitMs: this.expectedWaitMs() }
    const { maxWaitMs = Infinity } = this.options
    if (terms.deadline === Infinity && maxWaitMs === Infinity) return undefined
    const leftMs = terms.deadline - performance.now()
    if (leftMs <= 0) return { refused: 'deadline', waitMs: 0 }
    const waitMs = this.expectedWaitMs(terms.priority)
    return waitMs > Math.min(leftMs, maxWaitMs) ? { refused: 'expected_wait', waitMs } : undefined
  }

  #whyFull({ bytes }: Wanted): RefusalCause | undefined {
    const { capacity, capacityBytes = Infinity } = this.options
    if (this.length >= capacity) return 'queue_full'
    return this.bytes > 0 && this.bytes + bytes > capacityBytes ? 'queue_bytes' : undefined
  }

  #makeRoom(): void {
    const now = performance.now()
    if (now - this.#searchedAt < SEARCH_PAUSE_MS) return
    this.#searchedAt = now
    this.#waiting.dropUnwanted()
  }

  #decide(taker: Taker): Decision {
    const batchSize = this.#batchLimit
    if (taker.held > 0) {
      const isWorth = !this.#takers.hasIdle && this.#isWorth(taker)
      if (!isWorth) return { take: 0, waitMs: Infinity }
      return { take: batchSize, cutBy: this.#waiting.lineLength < batchSize ? 'ahead' : 'full' }
    }
    if (this.#waiting.hasReturned) return { take: batchSize, cutBy: 'retry' }
    return decide({ ...this.#delay(), waiting: this.#waiting.lineLength, batchSize })
  }

  /** What a delay that was asked for comes to now. */
  #delay() {
    const { maxDelayMs, preferredSizes = [] } = this.options
    if (maxDelayMs === 0) return NO_DELAY
    const oldestAt = this.#waiting.oldestAt()
    const now = performance.now()
    const soonest = this.#waiting.soonestDeadline(this.#batchLimit)
    // Without a pace nobody knows what would be in time.
    const lastsMs = DEADLINE_RUNS * (this.pace.batchMs ?? Infinity)
    const leftMs = soonest === Infinity ? Infinity : soonest - now - lastsMs
    return { maxDelayMs, preferredSizes, oldestMs: now - oldestAt, leftMs }
  }

  /** Whether there is a batch for one that is busy. */
  readonly #isWorth = (taker: Taker): boolean => {
    if (taker.isAlone === true || this.#waiting.hasReturned) return false
    const batchSize = this.#batchLimit
    const wanted = taker.wantsFrom?.(batchSize) ?? Infinity
    // Who asked for a delay asked for larger batches.
    const least = this.options.maxDelayMs > 0 ? Math.max(wanted, batchSize) : wanted
    return maySpare({ waiting: this.#waiting.lineLength, least, workers: this.#takers.serving })
  }

  #wake(): void {
    this.#takers.wake(this.#isWorth)
  }

  #tellEmpty(): void {
    for (const tell of this.#onEmpty.splice(0)) tell()
  }
}
