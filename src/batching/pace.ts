/** Of a new run's time in the average: the last twenty count for two thirds. */
const WEIGHT = 0.05

export interface WaitFacts {
  /** Items that will be served before. */
  readonly ahead: number
  /** Workers that serve. */
  readonly workers: number
  /** What one item takes a worker, in batches as it would cut them; undefined: not known yet. */
  readonly itemMs: number | undefined
}

/** Milliseconds that an item has to wait for its turn, as far as can be told; 0 where nothing can. */
export function expectedWaitMs({ ahead, workers, itemMs = 0 }: WaitFacts): number {
  return workers === 0 ? 0 : (ahead * itemMs) / workers
}

/** How fast workers have been: averages in which what is long ago counts less and less. */
export class Pace {
  /** What one item took, its share of its batch: in batches of 1, of 2 and 3, of 4 to 7 and so on. */
  readonly #itemMs: (number | undefined)[] = []
  #batchMs: number | undefined

  /** What one batch took. */
  get batchMs(): number | undefined {
    return this.#batchMs
  }

  /**
   * What one item takes in a batch of about this size. Where there was none yet it is as in smaller ones, or, where that is
   * less, its share of a larger one, which takes no less than this one will.
   */
  itemMs(size: number): number | undefined {
    const level = levelOf(size)
    const smaller = this.#itemMs.findLast((ms, index) => ms !== undefined && index <= level)
    if (this.#itemMs[level] !== undefined) return smaller
    const larger = this.#itemMs.findIndex((ms, index) => ms !== undefined && index > level)
    const largerMs = this.#itemMs[larger]
    if (smaller === undefined || largerMs === undefined) return smaller ?? largerMs
    return Math.min(smaller, (largerMs * 2 ** larger) / size)
  }

  ran(size: number, ms: number): void {
    const level = levelOf(size)
    this.#itemMs[level] = blend(this.#itemMs[level], ms / size)
    this.#batchMs = blend(this.#batchMs, ms)
  }
}

const levelOf = (size: number) => Math.floor(Math.log2(Math.max(1, size)))

function blend(average: number | undefined, value: number): number {
  return average === undefined ? value : average + WEIGHT * (value - average)
}
