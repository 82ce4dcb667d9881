import type { Counter, Gauge } from 'prom-client'
import type { BucketCounts, BucketHistogram, Labels } from './bucket-histogram.ts'

export type { Labels } from './bucket-histogram.ts'

/**
 * One series of a metric: a metric with its label values bound. prom-client looks its series up by a text of all
 * labels on each call; here an update is plain arithmetic, and prom-client hears of it when the page is asked for
 * (`settle`).
 */
export interface Series {
  settle(): void
  /** Takes the series off the page. */
  remove(): void
}

export class Tally implements Series {
  readonly #counter: Counter
  readonly #labels: Labels
  #pending = 0

  constructor(counter: Counter, labels: Labels) {
    this.#counter = counter
    this.#labels = labels
  }

  /** Clocks of two processes may disagree by a little: less than nothing counts as nothing. */
  add(amount = 1): void {
    if (amount > 0 && Number.isFinite(amount)) this.#pending += amount
  }

  settle(): void {
    if (this.#pending > 0) this.#counter.inc(this.#labels, this.#pending)
    this.#pending = 0
  }

  remove(): void {
    this.#pending = 0
    this.#counter.remove(this.#labels)
  }
}

export class Level implements Series {
  readonly #gauge: Gauge
  readonly #labels: Labels
  #value: number | undefined

  constructor(gauge: Gauge, labels: Labels) {
    this.#gauge = gauge
    this.#labels = labels
  }

  set(value: number): void {
    this.#value = value
  }

  settle(): void {
    if (this.#value !== undefined) this.#gauge.set(this.#labels, this.#value)
  }

  remove(): void {
    this.#value = undefined
    this.#gauge.remove(this.#labels)
  }
}

export class Distribution implements Series {
  readonly #histogram: BucketHistogram
  readonly #counts: BucketCounts

  constructor(histogram: BucketHistogram, labels: Labels) {
    this.#histogram = histogram
    this.#counts = histogram.series(labels)
  }

  observe(value: number): void {
    if (Number.isFinite(value)) this.#counts.observe(Math.max(0, value))
  }

  settle(): void {}

  remove(): void {
    this.#histogram.drop(this.#counts.labels)
  }
}
