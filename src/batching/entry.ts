import { failure } from '../errors.ts'
import type { Link } from './chain.ts'
import type { Due } from './deadlines.ts'
import type { Priority } from './priority.ts'

/** What a request asks for beside its answer. */
export interface Terms {
  /** True once nobody waits for the answer any more. */
  readonly isGone: () => boolean
  /** `performance.now()` after which the answer is worth nothing; Infinity: it always is. */
  readonly deadline: number
  readonly priority: Priority
  /** What the item takes in memory. */
  readonly bytes: number
}

/** Why nobody wants an answer any more. */
export type Unwanted = 'deadline' | 'client_gone'

const FAILURE_OF = { deadline: 'DEADLINE_PASSED', client_gone: 'CLIENT_GONE' } as const

/** One item on its way to an answer. It is settled once; what comes later is for nobody. */
export class Entry<I, A> implements Link<Entry<I, A>>, Due {
  readonly item: I
  readonly terms: Terms
  /** `performance.now()` when it came. */
  readonly queuedAt: number
  readonly answer: Promise<A>
  /** Workers that have died while they ran it. */
  deaths = 0
  /** Where it is: in its line, among those that came back, or with a worker. */
  place: 'line' | 'returned' | 'taken' = 'line'
  previous: Entry<I, A> | undefined = undefined
  next: Entry<I, A> | undefined = undefined
  heapIndex = -1
  readonly #pending: PromiseWithResolvers<A>
  readonly #onSettled: (entry: Entry<I, A>) => void
  #isSettled = false
  #unwanted: Unwanted | undefined

  constructor(item: I, terms: Terms, onSettled: (entry: Entry<I, A>) => void) {
    this.item = item
    this.terms = terms
    this.queuedAt = performance.now()
    this.#pending = Promise.withResolvers<A>()
    this.answer = this.#pending.promise
    this.#onSettled = onSettled
  }

  get deadline(): number {
    return this.terms.deadline
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  /** Why nobody wants its answer, as far as is known now. */
  unwanted(): Unwanted | undefined {
    if (this.#unwanted !== undefined) return this.#unwanted
    const { deadline, isGone } = this.terms
    if (deadline !== Infinity && performance.now() >= deadline) return 'deadline'
    return isGone() ? 'client_gone' : undefined
  }

  /** Hands the answer over; where nobody wants it any more, says why. */
  resolve(answer: A): Unwanted | undefined {
    const unwanted = this.unwanted()
    if (unwanted !== undefined) this.abandon(unwanted)
    else if (this.#settle()) this.#pending.resolve(answer)
    return unwanted
  }

  reject(error: unknown): void {
    if (this.#settle()) this.#pending.reject(error)
  }

  /** Tells whoever still waits why there will be no answer. */
  abandon(unwanted: Unwanted): void {
    this.#unwanted = unwanted
    this.reject(failure(FAILURE_OF[unwanted]))
  }

  #settle(): boolean {
    if (this.#isSettled) return false
    this.#isSettled = true
    this.#onSettled(this)
    return true
  }
}
