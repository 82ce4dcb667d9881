import type { Answers, LoadResult } from './load.ts'
import { quantile } from './statistics.ts'

export interface TallyOptions {
  readonly isTolerant: boolean
  readonly deadlineMs: number
}

/** What came of the requests of one block. */
export class Tally {
  readonly #options: TallyOptions
  readonly #timesUs: number[] = []
  readonly #refusedUs = new Map<number, number[]>()
  readonly #lateUs: number[] = []
  #good = 0
  #lost = 0
  #sent = 0
  #firstFailure = ''

  constructor(options: TallyOptions) {
    this.#options = options
  }

  get firstFailure(): string {
    return this.#firstFailure
  }

  /** Whether there is no use in sending more. */
  get isOver(): boolean {
    return this.#firstFailure !== '' && !this.#options.isTolerant
  }

  sent(lateMs = 0): void {
    this.#sent++
    if (lateMs > 0) this.#lateUs.push(lateMs * 1000)
  }

  /** Status 0: the connection ended before an answer. `said` tells of a failure. */
  answered(status: number, ms: number, said: string): void {
    if (status === 200) {
      this.#timesUs.push(ms * 1000)
      if (ms <= this.#options.deadlineMs) this.#good++
      return
    }
    this.#firstFailure ||= said
    if (status === 0) this.#lost++
    else this.#timesOf(status).push(ms * 1000)
  }

  result(ms: number, clientCores: number): LoadResult {
    const answers = summarise(this.#timesUs)
    const refused = [...this.#refusedUs].map(([status, times]) => [status, summarise(times)])
    return {
      ...answers,
      requests: answers.count,
      perSecond: answers.count / (ms / 1000),
      goodPerSecond: this.#good / (ms / 1000),
      sent: this.#sent,
      refused: Object.fromEntries(refused),
      lost: this.#lost,
      firstFailure: this.#firstFailure,
      lateUs: this.#lateUs.length === 0 ? 0 : summarise(this.#lateUs).p99Us,
      clientCores,
    }
  }

  #timesOf(status: number): number[] {
    const known = this.#refusedUs.get(status)
    if (known !== undefined) return known
    const times: number[] = []
    this.#refusedUs.set(status, times)
    return times
  }
}

function summarise(timesUs: readonly number[]): Answers {
  const sorted = Float64Array.from(timesUs).toSorted()
  return {
    count: sorted.length,
    p50Us: quantile(sorted, 0.5),
    p99Us: quantile(sorted, 0.99),
    maxUs: sorted.at(-1) ?? Number.NaN,
  }
}
