import type { Instruments } from './instruments.ts'
import { isReserved, torchServeHelp, type MetricRow } from './metric-table.ts'
import type { MetricsConfig } from './metrics-config.ts'
import { Level, Tally, type Distribution, type Labels } from './series.ts'

/** One value that a handler gave. */
export interface MetricSample {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly dimensions: Readonly<Record<string, string>>
}

/** Label sets that one metric may have; a handler that puts an id into a dimension stops here. */
const MAX_SERIES = 1_000
/** Metrics that may come into being by auto-detection. */
const MAX_DETECTED = 200
const MAX_LABEL_CHARS = 256
const MAX_WARNINGS = 200

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]{0,199}$/
const LABEL_NAME = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]{0,99}$/

export interface CustomMetricsOptions {
  readonly instruments: Instruments
  readonly config: MetricsConfig
  readonly autoDetect: boolean
  readonly hostname: string
  readonly warn: (message: string, fields: Readonly<Record<string, unknown>>) => void
}

interface Owner {
  readonly name: string
}

interface CustomMetric {
  readonly row: MetricRow
  readonly series: Map<string, { owner: Owner; series: Tally | Level | Distribution }>
}

/**
 * Metrics of handlers: those that metrics.yaml declares and, if wanted, whatever else they give. A handler may be
 * hostile or careless, so names, labels and the number of series are limited; what is dropped is warned of once.
 */
export class CustomMetrics {
  readonly #options: CustomMetricsOptions
  readonly #metrics = new Map<string, CustomMetric>()
  readonly #warned = new Set<string>()
  #detected = 0

  constructor(options: CustomMetricsOptions) {
    this.#options = options
    for (const { name, ...row } of options.config.modelMetrics) this.#add(name, row)
  }

  record(owner: Owner, sample: MetricSample): void {
    const refusal = this.#tryRecord(owner, sample)
    if (refusal === undefined) return
    const name = sample.name.slice(0, 200)
    const key = `${name}\n${refusal}`
    if (this.#warned.has(key) || this.#warned.size >= MAX_WARNINGS) return
    this.#warned.add(key)
    this.#options.warn('A metric of a handler is dropped', {
      model: owner.name,
      metric: name,
      reason: refusal,
    })
  }

  settle(): void {
    for (const metric of this.#metrics.values()) {
      for (const { series } of metric.series.values()) series.settle()
    }
  }

  /** Takes the series that this owner wrote to last off the page. */
  drop(owner: Owner): void {
    for (const metric of this.#metrics.values()) {
      for (const [key, entry] of metric.series) {
        if (entry.owner !== owner) continue
        entry.series.remove()
        metric.series.delete(key)
      }
    }
  }

  #tryRecord(owner: Owner, sample: MetricSample): string | undefined {
    if (!Number.isFinite(sample.value)) return 'its value is not a finite number'
    const metric = this.#metrics.get(sample.name) ?? this.#detect(sample)
    if (typeof metric === 'string') return metric
    if (metric.row.type === 'counter' && sample.value < 0) return 'a counter cannot go down'
    const labels = this.#labels(owner, metric.row, sample)
    if (typeof labels === 'string') return labels
    const series = this.#series(owner, metric, { name: sample.name, labels })
    if (series === undefined) return `it has ${MAX_SERIES} series already`
    if (series instanceof Tally) series.add(sample.value)
    else if (series instanceof Level) series.set(sample.value)
    else series.observe(sample.value)
    return undefined
  }

  /** A metric that nobody declared: made if auto-detection is on, else the reason why not. */
  #detect(sample: MetricSample): CustomMetric | string {
    if (isReserved(sample.name)) return 'the server keeps a metric of this name itself'
    if (!this.#options.autoDetect) {
      return 'metrics.yaml does not declare it under model_metrics, and model_metrics_auto_detect is off'
    }
    if (!METRIC_NAME.test(sample.name)) return 'its name is not one that Prometheus takes'
    const dimensions = Object.keys(sample.dimensions).filter(
      name => name !== 'Hostname' && name !== 'hostname',
    )
    if (!dimensions.every(name => LABEL_NAME.test(name) && name !== 'le')) {
      return 'the name of a dimension is not one that Prometheus takes'
    }
    if (this.#detected >= MAX_DETECTED) return `${MAX_DETECTED} metrics have been detected already`
    this.#detected++
    const type = sample.unit.toLowerCase() === 'count' ? 'counter' : 'gauge'
    const labels = [...new Set(['ModelName', 'Level', ...dimensions]), 'Hostname']
    return this.#add(sample.name, { type, help: torchServeHelp(type, sample.unit.slice(0, 50)), labels })
  }

  #add(name: string, row: MetricRow): CustomMetric {
    const metric = { row, series: new Map() }
    this.#options.instruments.add(name, row)
    this.#metrics.set(name, metric)
    return metric
  }

  /** A handler speaks for its own model only, so its name is not up to it. */
  #labels(owner: Owner, row: MetricRow, sample: MetricSample): Labels | string {
    const known: Labels = {
      Level: 'Model',
      ...sample.dimensions,
      ModelName: owner.name,
      Hostname: this.#options.hostname,
    }
    const labels: Record<string, string> = {}
    for (const name of row.labels) {
      const value = Object.hasOwn(known, name) ? String(known[name]) : undefined
      if (value === undefined) return `it was given without its dimension ${name}`
      if (value.length > MAX_LABEL_CHARS) {
        return `its dimension ${name} is longer than ${MAX_LABEL_CHARS} characters`
      }
      labels[name] = value
    }
    return labels
  }

  #series(owner: Owner, metric: CustomMetric, at: { name: string; labels: Labels }) {
    const key = JSON.stringify(Object.values(at.labels))
    const existing = metric.series.get(key)
    if (existing !== undefined) {
      existing.owner = owner
      return existing.series
    }
    if (metric.series.size >= MAX_SERIES) return undefined
    const series = this.#options.instruments.series(at.name, metric.row.type, at.labels)
    metric.series.set(key, { owner, series })
    return series
  }
}
