/** Of a new run's time in the average: the last twenty count for two thirds. */
const WEIGHT = 0.05

export interface WaitFacts {
  /** Items that will be served before. */
  readonly ahead: number
  /** Workers that serve. */
  readonly workers: number
  /** What one item takes a worker; undefined: not known yet. */
  readonly itemMs: number | undefined
}

/** Milliseconds that an item has to wait for its turn, as far as can be told; 0 where nothing can. */
export function expectedWaitMs({ ahead, workers, itemMs = 0 }: WaitFacts): number {
  return workers === 0 ? 0 : (ahead * itemMs) / workers
}

/** How fast workers have been: averages in which what is long ago counts less and less. */
export class Pace {
  #itemMs: number | undefined
  #batchMs: number | undefined

  /** What one item took, its share of its batch. */
  get itemMs(): number | undefined {
    return this.#itemMs
  }

  /** What one batch took. */
  get batchMs(): number | undefined {
    return this.#batchMs
  }

  ran(size: number, ms: number): void {
    this.#itemMs = blend(this.#itemMs, ms / size)
    this.#batchMs = blend(this.#batchMs, ms)
  }
}

function blend(average: number | undefined, value: number): number {
  return average === undefined ? value : average + WEIGHT * (value - average)
}
