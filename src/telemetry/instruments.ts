import { Counter, Gauge, Registry } from 'prom-client'
import { BucketHistogram } from './bucket-histogram.ts'
import {
  DEFAULT_BUCKETS,
  metricTable,
  type MetricRow,
  type MetricType,
  type NamesOf,
} from './metric-table.ts'
import { familyText } from './prometheus-text.ts'
import { Distribution, Level, Tally, type Labels } from './series.ts'

/**
 * The metrics of one page: those of the table from the start, handlers' own as they are added. The only file that
 * makes metrics of prom-client, each page with a registry of its own.
 */
export class Instruments {
  readonly #registry = new Registry()
  readonly #rows = new Map<string, MetricRow>()
  readonly #counters = new Map<string, Counter>()
  readonly #gauges = new Map<string, Gauge>()
  readonly #histograms = new Map<string, BucketHistogram>()

  constructor() {
    for (const [name, row] of Object.entries(metricTable)) this.add(name, row)
  }

  /** A further metric. The name must be new. */
  add(name: string, row: MetricRow): void {
    const settings = { name, help: row.help, labelNames: [...row.labels], registers: [this.#registry] }
    this.#rows.set(name, row)
    if (row.type === 'counter') this.#counters.set(name, new Counter(settings))
    else if (row.type === 'gauge') this.#gauges.set(name, new Gauge(settings))
    else {
      this.#histograms.set(
        name,
        new BucketHistogram({ ...settings, buckets: [...(row.buckets ?? DEFAULT_BUCKETS)] }),
      )
    }
  }

  tally(name: NamesOf<'counter'>, labels: Labels): Tally {
    return new Tally(found(this.#counters, name), labels)
  }

  level(name: NamesOf<'gauge'>, labels: Labels): Level {
    return new Level(found(this.#gauges, name), labels)
  }

  distribution(name: NamesOf<'histogram'>, labels: Labels): Distribution {
    return new Distribution(found(this.#histograms, name), labels)
  }

  /** A series of a metric that came by `add`. */
  series(name: string, type: MetricType, labels: Labels): Tally | Level | Distribution {
    if (type === 'counter') return new Tally(found(this.#counters, name), labels)
    if (type === 'gauge') return new Level(found(this.#gauges, name), labels)
    return new Distribution(found(this.#histograms, name), labels)
  }

  /** The whole page, or what the filter leaves of it. */
  async text(filter: { families?: ReadonlySet<string>; names?: ReadonlySet<string> }): Promise<string> {
    const families = await this.#registry.getMetricsAsJSON()
    return families
      .filter(family => filter.families?.has(family.name) ?? true)
      .map(family => {
        const row = this.#rows.get(family.name)
        return row === undefined ? '' : familyText(family.name, row, family.values, filter.names)
      })
      .join('')
  }
}

function found<T>(instruments: ReadonlyMap<string, T>, name: string): T {
  const instrument = instruments.get(name)
  if (instrument === undefined)
    throw new Error(`no metric ${name} of this type: a bug in the table of metrics`)
  return instrument
}
