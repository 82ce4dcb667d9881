import type { Instruments } from './instruments.ts'
import type { BackendName, MetricsConfig } from './metrics-config.ts'
import type { Labels, Level, Series, Tally } from './series.ts'

/** The three counters of TorchServe for one `model_version` label. */
export class ServedSeries {
  readonly requests: Tally
  readonly latency: Tally
  readonly queue: Tally

  constructor(instruments: Instruments, labels: Labels) {
    this.requests = instruments.tally('ts_inference_requests_total', labels)
    this.latency = instruments.tally('ts_inference_latency_microseconds', labels)
    this.queue = instruments.tally('ts_queue_latency_microseconds', labels)
  }

  all(): Series[] {
    return [this.requests, this.latency, this.queue]
  }
}

/** Series that the versions of one name share: for requests without a version in the URL, and TorchServe's gauges. */
export class NameSeries {
  readonly served: ServedSeries
  /** Undefined where metrics.yaml does not declare them. */
  readonly handlerTime: Level | undefined
  readonly predictionTime: Level | undefined
  /** Registered versions; the series leave the page with the last. */
  versions = 0

  constructor(instruments: Instruments, config: MetricsConfig, at: { name: string; hostname: string }) {
    const { name, hostname } = at
    this.served = new ServedSeries(instruments, { model_name: name, model_version: 'default', hostname })
    const level = (metric: BackendName) =>
      config.backend.has(metric)
        ? instruments.level(metric, { ModelName: name, Level: 'Model', Hostname: hostname })
        : undefined
    this.handlerTime = level('HandlerTime')
    this.predictionTime = level('PredictionTime')
  }

  all(): Series[] {
    return [...this.served.all(), this.handlerTime, this.predictionTime].filter(
      series => series !== undefined,
    )
  }
}
