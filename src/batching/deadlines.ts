/** Something that is due at a moment of `performance.now()`. */
export interface Due {
  readonly deadline: number
  /** Its place among the others; kept by `Deadlines`, -1 where it is not among them. */
  heapIndex: number
}

/** Node's timers go no further. */
const MAX_TIMER_MS = 2 ** 31 - 1

/**
 * Calls for each item when it is due, with one timer for all of them: a heap, the next one on top. The timer is left
 * alone where the next one is removed, and then rings for nothing: requests are mostly answered long before.
 */
export class Deadlines<T extends Due> {
  readonly #heap: T[] = []
  readonly #onDue: (item: T) => void
  #timer: NodeJS.Timeout | undefined
  #ringsAt = Infinity

  constructor(onDue: (item: T) => void) {
    this.#onDue = onDue
  }

  get size(): number {
    return this.#heap.length
  }

  /** Nothing where the deadline is Infinity. */
  add(item: T): void {
    if (item.deadline === Infinity) return
    this.#rise(item, this.#heap.length)
    if (item.deadline < this.#ringsAt) this.#arm(item.deadline)
  }

  /** Nothing where it is not among them. */
  remove(item: T): void {
    const at = item.heapIndex
    if (at < 0) return
    item.heapIndex = -1
    const last = this.#heap.pop()
    if (last === undefined || last === item) return
    this.#sink(last, at)
    this.#rise(last, last.heapIndex)
  }

  #arm(deadline: number): void {
    clearTimeout(this.#timer)
    this.#ringsAt = deadline
    const ms = Math.ceil(deadline - performance.now())
    this.#timer = setTimeout(() => this.#ring(), Math.min(Math.max(ms, 1), MAX_TIMER_MS))
    // Whoever is waited for has a socket or a worker that keeps the process; an old timer must not.
    this.#timer.unref()
  }

  #ring(): void {
    this.#ringsAt = Infinity
    const now = performance.now()
    for (let next = this.#heap[0]; next !== undefined && next.deadline <= now; next = this.#heap[0]) {
      this.remove(next)
      this.#onDue(next)
    }
    const next = this.#heap[0]
    if (next !== undefined) this.#arm(next.deadline)
  }

  /** Puts an item at a free place, or higher where it is due earlier. */
  #rise(item: T, from: number): void {
    let at = from
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = this.#heap[above]
      if (parent === undefined || parent.deadline <= item.deadline) break
      this.#put(parent, at)
      at = above
    }
    this.#put(item, at)
  }

  #sink(item: T, from: number): void {
    let at = from
    for (;;) {
      const left = 2 * at + 1
      const [one, other] = [this.#heap[left], this.#heap[left + 1]]
      if (one === undefined) break
      const isOther = other !== undefined && other.deadline < one.deadline
      const child = isOther ? other : one
      if (child.deadline >= item.deadline) break
      this.#put(child, at)
      at = isOther ? left + 1 : left
    }
    this.#put(item, at)
  }

  #put(item: T, at: number): void {
    this.#heap[at] = item
    item.heapIndex = at
  }
}
