import { Histogram, type MetricObjectWithValues, type MetricValueWithName } from 'prom-client'

export type Labels = Readonly<Record<string, string>>

/** What one series of a histogram has counted. */
export class BucketCounts {
  readonly labels: Labels
  readonly #bounds: readonly number[]
  /** By bucket, each value once; the last is beyond all bounds. */
  readonly #counts: Float64Array
  #sum = 0

  constructor(labels: Labels, bounds: readonly number[]) {
    this.labels = labels
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    let bucket = 0
    for (const bound of this.#bounds) {
      if (value <= bound) break
      bucket++
    }
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#sum += value
  }

  /** As prom-client lists a series: its buckets, each with those below it, the sum, the count. None before the first. */
  samples(name: string): MetricValueWithName<string>[] {
    let below = 0
    const buckets = [...this.#bounds, '+Inf'].map((le, index) => {
      below += this.#counts[index] ?? 0
      return { labels: { le, ...this.labels }, value: below, metricName: `${name}_bucket` }
    })
    if (below === 0) return []
    return [
      ...buckets,
      { labels: this.labels, value: this.#sum, metricName: `${name}_sum` },
      { labels: this.labels, value: below, metricName: `${name}_count` },
    ]
  }
}

/**
 * A histogram whose series count by themselves. prom-client's look their labels up by a text and their bucket by a key
 * each time, which costs a small model's request more than all other metrics together.
 */
export class BucketHistogram extends Histogram {
  readonly #name: string
  readonly #bounds: readonly number[]
  readonly #series = new Map<string, BucketCounts>()

  constructor(settings: ConstructorParameters<typeof Histogram>[0] & { buckets: number[] }) {
    super(settings)
    this.#name = settings.name
    this.#bounds = settings.buckets
  }

  /** The series with these labels; the same for the same labels until it is removed. */
  series(labels: Labels): BucketCounts {
    const key = keyOf(labels)
    const counts = this.#series.get(key) ?? new BucketCounts(labels, this.#bounds)
    this.#series.set(key, counts)
    return counts
  }

  override async get(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    const own = await super.get()
    const samples = [...this.#series.values()].flatMap(counts => counts.samples(this.#name))
    return samples.length === 0 ? own : { ...own, values: samples }
  }

  /** Takes a series off the page. */
  drop(labels: Labels): void {
    this.#series.delete(keyOf(labels))
  }
}

function keyOf(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
