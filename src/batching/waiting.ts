import { Deadlines } from './deadlines.ts'
import type { Entry, Terms, Unwanted } from './entry.ts'
import { Lines } from './lines.ts'

export interface WaitingObserver {
  /** An item left that no worker will get. */
  onDropped(cause: Unwanted): void
  /** Nothing waits any more. */
  onEmpty(): void
}

/**
 * What waits for a worker, and how it leaves: taken in its turn, or dropped because nobody wants its answer any more. It
 * also ends what a worker has at its deadline: the answer then comes too late.
 */
export class Waiting<I, A> {
  readonly #observer: WaitingObserver
  readonly #lines = new Lines<I, A>()
  readonly #deadlines = new Deadlines<Entry<I, A>>(entry => this.#expire(entry))
  /** What came back from workers that died, in the groups in which it is to run again. */
  #returned: (readonly Entry<I, A>[])[] = []

  constructor(observer: WaitingObserver) {
    this.#observer = observer
  }

  /** With those whose client left and that were not dropped yet. */
  get length(): number {
    return this.#lines.length + this.#returnedLength
  }

  get bytes(): number {
    return this.#lines.bytes
  }

  /** Those in line: without what came back. */
  get lineLength(): number {
    return this.#lines.length
  }

  get hasReturned(): boolean {
    return this.#returnedLength > 0
  }

  /** `performance.now()` of the arrival of the oldest in line that is wanted; Infinity where nothing waits. */
  oldestAt(): number {
    for (const { entry, unwanted } of unwantedOf(this.#lines.fronts())) this.#drop(entry, unwanted)
    this.#tellIfEmpty()
    return this.#lines.oldestAt
  }

  /** The soonest deadline in line, where there are fewer than `most`; Infinity where none has one. */
  soonestDeadline(most: number): number {
    let soonest = Infinity
    if (this.#lines.length >= most) return soonest
    for (const { deadline } of this.#lines.all()) soonest = Math.min(soonest, deadline)
    return soonest
  }

  /** How many would be served before one of this priority that comes now. */
  ahead(priority: Terms['priority']): number {
    return this.#returnedLength + this.#lines.ahead(priority)
  }

  add(entry: Entry<I, A>): void {
    this.#lines.append(entry)
    this.#deadlines.add(entry)
  }

  /** It was settled: nobody needs to be told at its deadline. */
  settled(entry: Entry<I, A>): void {
    this.#deadlines.remove(entry)
  }

  /** Takes `size` items, or all there are, in their turn; fewer, or none, where some are not wanted any more. */
  take(size: number): Entry<I, A>[] {
    const taken: Entry<I, A>[] = []
    while (taken.length < size) {
      const entry = this.#lines.shift()
      if (entry === undefined) break
      if (this.#isTaken(entry)) taken.push(entry)
    }
    this.#tellIfEmpty()
    return taken
  }

  /** Takes the first group that came back, or what of it is still wanted. */
  takeReturned(): Entry<I, A>[] {
    const group = this.#returned.shift() ?? []
    const taken = group.filter(entry => entry.place === 'returned' && this.#isTaken(entry))
    this.#tellIfEmpty()
    return taken
  }

  /** Takes groups back, before all others. */
  giveBack(groups: readonly (readonly Entry<I, A>[])[]): void {
    const waiting = groups.map(group => group.filter(entry => !entry.isSettled))
    for (const entry of waiting.flat()) entry.place = 'returned'
    this.#returned.unshift(...waiting.filter(group => group.length > 0))
  }

  /** Looks at all of them for those that nobody wants any more. */
  dropUnwanted(): void {
    for (const { entry, unwanted } of unwantedOf(this.#lines.all())) this.#drop(entry, unwanted)
    this.#tellIfEmpty()
  }

  rejectAll(error: unknown): void {
    for (const entry of this.#returned.splice(0).flat()) entry.reject(error)
    for (const entry of this.#lines.all()) {
      this.#lines.remove(entry)
      entry.reject(error)
    }
    this.#observer.onEmpty()
  }

  get #returnedLength(): number {
    let length = 0
    for (const group of this.#returned) for (const { place } of group) if (place === 'returned') length += 1
    return length
  }

  /** False for one that nobody wants any more: it is told so. */
  #isTaken(entry: Entry<I, A>): boolean {
    entry.place = 'taken'
    const unwanted = entry.unwanted()
    if (unwanted === undefined) return true
    entry.abandon(unwanted)
    this.#observer.onDropped(unwanted)
    return false
  }

  #drop(entry: Entry<I, A>, unwanted: Unwanted): void {
    const { place } = entry
    entry.place = 'taken'
    if (place === 'line') this.#lines.remove(entry)
    else this.#returned = this.#returned.filter(group => group.some(other => other.place === 'returned'))
    entry.abandon(unwanted)
    this.#observer.onDropped(unwanted)
  }

  #expire(entry: Entry<I, A>): void {
    // What a worker has is counted when its answer comes.
    if (entry.place === 'taken') return entry.abandon('deadline')
    this.#drop(entry, 'deadline')
    this.#tellIfEmpty()
  }

  #tellIfEmpty(): void {
    if (this.length === 0) this.#observer.onEmpty()
  }
}

function* unwantedOf<I, A>(
  entries: Iterable<Entry<I, A>>,
): Generator<{ entry: Entry<I, A>; unwanted: Unwanted }> {
  for (const entry of entries) {
    const unwanted = entry.unwanted()
    if (unwanted !== undefined) yield { entry, unwanted }
  }
}
