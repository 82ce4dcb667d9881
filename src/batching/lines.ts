import { Chain } from './chain.ts'
import type { Entry } from './entry.ts'
import { pickLevel, PRIORITIES, type Priority } from './priority.ts'

/** What waits, a line for each level of priority, each in the order of arrival. */
export class Lines<I, A> {
  readonly #lines = PRIORITIES.map(() => new Chain<Entry<I, A>>())
  #length = 0
  #bytes = 0
  /** Items taken in a row while a lower level waited. */
  #passes = 0

  get length(): number {
    return this.#length
  }

  get bytes(): number {
    return this.#bytes
  }

  /** `performance.now()` of the arrival of the oldest of all; Infinity where nothing waits. */
  get oldestAt(): number {
    return Math.min(...this.#lines.map(arrivalOf))
  }

  append(entry: Entry<I, A>): void {
    this.#lineOf(entry).append(entry)
    this.#length += 1
    this.#bytes += entry.terms.bytes
  }

  remove(entry: Entry<I, A>): void {
    this.#lineOf(entry).remove(entry)
    this.#length -= 1
    this.#bytes -= entry.terms.bytes
  }

  /** Takes out the one whose turn it is. */
  shift(): Entry<I, A> | undefined {
    // As a rule all have the same priority.
    const only = this.#lines.find(({ length }) => length === this.#length)
    const entry = only === undefined ? this.#pick() : only.first
    if (only !== undefined) this.#passes = 0
    if (entry !== undefined) this.remove(entry)
    return entry
  }

  /** How many would be served before one of this priority that comes now. */
  ahead(priority: Priority): number {
    const level = PRIORITIES.indexOf(priority)
    return this.#lines.reduce((sum, { length }, index) => (index <= level ? sum + length : sum), 0)
  }

  /** The first of each line, and the next one after each that was removed. */
  *fronts(): Generator<Entry<I, A>> {
    for (const line of this.#lines) {
      for (let entry = line.first; entry !== undefined;) {
        yield entry
        entry = line.first === entry ? undefined : line.first
      }
    }
  }

  /** All of them; each may be removed when it has come. */
  *all(): Generator<Entry<I, A>> {
    for (const line of this.#lines) {
      for (let entry = line.first; entry !== undefined;) {
        const { next } = entry
        yield entry
        entry = next
      }
    }
  }

  #pick(): Entry<I, A> | undefined {
    const oldestAt = this.#lines.map(arrivalOf)
    const level = pickLevel({ oldestAt, passes: this.#passes })
    const first = oldestAt.findIndex(at => at !== Infinity)
    const hasLower = oldestAt.some((at, index) => index > level && at !== Infinity)
    this.#passes = level === first && hasLower ? this.#passes + 1 : 0
    return this.#lines[level]?.first
  }

  #lineOf({ terms }: Entry<I, A>): Chain<Entry<I, A>> {
    const line = this.#lines[PRIORITIES.indexOf(terms.priority)]
    if (line === undefined) throw new Error('Each priority has a line.')
    return line
  }
}

function arrivalOf<I, A>({ first }: Chain<Entry<I, A>>): number {
  return first?.queuedAt ?? Infinity
}
