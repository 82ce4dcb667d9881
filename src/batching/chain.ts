/** What a chain holds: each knows its neighbours, so that one in the middle leaves at no cost. */
export interface Link<T> {
  previous: T | undefined
  next: T | undefined
}

/** Items in the order in which they came. Every operation costs the same however many there are. */
export class Chain<T extends Link<T>> {
  #first: T | undefined
  #last: T | undefined
  #length = 0

  get first(): T | undefined {
    return this.#first
  }

  get length(): number {
    return this.#length
  }

  append(item: T): void {
    item.previous = this.#last
    if (this.#last === undefined) this.#first = item
    else this.#last.next = item
    this.#last = item
    this.#length += 1
  }

  /** The item must be in this chain. */
  remove(item: T): void {
    if (item.previous === undefined) this.#first = item.next
    else item.previous.next = item.next
    if (item.next === undefined) this.#last = item.previous
    else item.next.previous = item.previous
    // What is taken and runs for long must not keep those behind it in memory.
    item.previous = item.next = undefined
    this.#length -= 1
  }
}
