import type { LoadOrder, Tuned } from '../worker/protocol.ts'
import type { ModelSettings } from './settings.ts'

/** Rows of the largest batch where nobody said a batchSize: more were never seen to pay on a CPU. */
export const MOST_FOUND_ROWS = 32

export interface TuningOptions {
  /** Whole cores that the server may use. */
  readonly usableCores: number
  /** Workers of a model for which nobody said a number, and nothing could be measured. */
  readonly fallbackWorkers: number
  /** Whether anything is measured at all. */
  readonly isOn: boolean
  readonly isWarmedUp: boolean
}

/**
 * What is asked of the workers of one model version to measure, and what they found. The first worker measures for all of
 * them: it may use all the cores that the others do not.
 */
export class Tuning {
  readonly #options: TuningOptions
  #measurer: string | undefined
  #tuned: Tuned | undefined

  constructor(options: TuningOptions) {
    this.#options = options
  }

  get isOn(): boolean {
    return this.#options.isOn
  }

  /** What was found; undefined as long as nothing was. */
  get tuned(): Tuned | undefined {
    return this.#tuned
  }

  /** The part of a worker's order that says how it runs. */
  orderFor(
    worker: string,
    settings: ModelSettings,
  ): Pick<LoadOrder, 'threads' | 'batchLimit' | 'measure' | 'isWarmedUp'> {
    const { usableCores, fallbackWorkers, isOn, isWarmedUp } = this.#options
    const shareOf = (workers: number) => Math.max(1, Math.floor(usableCores / Math.max(1, workers)))
    const areOpen = settings.areWorkersFree && this.#tuned === undefined
    const share = shareOf(areOpen ? fallbackWorkers : settings.minWorkers)
    const threads = Math.min(share, this.#tuned?.threads ?? share)
    const batchLimit = this.batchLimit(settings)
    if (!isOn || this.#tuned !== undefined || (this.#measurer ?? worker) !== worker) {
      return { threads, batchLimit, measure: undefined, isWarmedUp }
    }
    this.#measurer = worker
    const measure = {
      mostRows: mostRows(settings, isOn),
      mostThreads: shareOf(settings.minWorkers),
      areWorkersFree: settings.areWorkersFree,
    }
    return { threads, batchLimit, measure, isWarmedUp }
  }

  /** Takes what a worker found; the first one counts. */
  learn(tuned: Tuned | undefined): void {
    this.#tuned ??= tuned
  }

  /** The most rows of a batch, by what is known. */
  batchLimit(settings: ModelSettings): number {
    if (this.#tuned !== undefined && this.#tuned.runMs.length > 0) return this.#tuned.batchLimit
    return settings.batchSize
  }

  /** How many workers there should be, once the first one has loaded; undefined: as many as there are. */
  workers({ areWorkersFree }: ModelSettings): number | undefined {
    if (!areWorkersFree) return undefined
    return this.#tuned?.workers ?? this.#options.fallbackWorkers
  }
}

/** The bound of the queue: what was asked for, else what may be found. */
export function mostRows({ batchSize, isBatchSizeGiven }: ModelSettings, isOn: boolean): number {
  return isBatchSizeGiven || !isOn ? batchSize : MOST_FOUND_ROWS
}
