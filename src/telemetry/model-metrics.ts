import type { CustomMetrics, MetricSample } from './custom-metrics.ts'
import type { Instruments } from './instruments.ts'
import { ServedSeries, type NameSeries } from './name-series.ts'
import type { Distribution, Labels, Level, Series, Tally } from './series.ts'

/** What one registered model version tells of itself. Cheap: call it for each request. */
export interface ModelMetrics {
  /** A request for the model came, whether or not it can be queued. */
  accepted(versionInUrl: boolean): void
  /** It was answered with a prediction. */
  answered(times: { queueMs: number; totalMs: number; versionInUrl: boolean }): void
  /** It failed: a code of the table of failures. */
  failed(code: string): void
  /** A worker answered a batch. `workerMs` is the round trip, `handlerMs` what the worker spent in the handler. */
  batch(run: { size: number; workerMs: number; handlerMs: number; predictionMs: number }): void
  /** A metric that the model's handler gave; one that may not be kept is dropped with one warning. */
  sample(sample: MetricSample): void
  /** A worker, such as `W-9000-digits_1.0`, is ready, this long after it was started. */
  workerLoaded(workerName: string, ms: number): void
  /** It has ended for good: what was said of it leaves the page. */
  workerGone(workerName: string): void
  workerRestarted(): void
  /** Asked each time the page is: requests that wait, and workers by state. */
  watch(gauges: { queueLength: () => number; workers: () => Readonly<Record<string, number>> }): void
  /** The model is unregistered: its series leave the page, and later calls do nothing. */
  drop(): void
}

/** What all models share: the gauges that show the host's last value. */
export interface HostLevels {
  readonly queueTime: Level
  readonly workerThreadTime: Level
}

export interface VersionMetricsOptions {
  readonly instruments: Instruments
  readonly custom: CustomMetrics
  readonly host: HostLevels
  readonly shared: NameSeries
  readonly name: string
  readonly version: string
  readonly hostname: string
  readonly onDrop: (dropped: VersionMetrics) => void
}

export class VersionMetrics implements ModelMetrics {
  readonly name: string
  readonly version: string
  readonly #options: VersionMetricsOptions
  readonly #labels: Labels
  readonly #served: ServedSeries
  readonly #total: Distribution
  readonly #queue: Distribution
  readonly #worker: Distribution
  readonly #size: Distribution
  readonly #restarts: Tally
  readonly #failures = new Map<string, Tally>()
  readonly #loadTimes = new Map<string, Level>()
  #gauges: Parameters<ModelMetrics['watch']>[0] | undefined
  #watched: Level[] = []
  #dropped = false

  constructor(options: VersionMetricsOptions) {
    const { instruments, name, version, hostname } = options
    this.name = name
    this.version = version
    this.#options = options
    const labels = { model_name: name, model_version: version }
    this.#labels = labels
    this.#served = new ServedSeries(instruments, { ...labels, hostname })
    this.#total = instruments.distribution('sconce_inference_duration_seconds', labels)
    this.#queue = instruments.distribution('sconce_queue_duration_seconds', labels)
    this.#worker = instruments.distribution('sconce_worker_duration_seconds', labels)
    this.#size = instruments.distribution('sconce_batch_size', labels)
    this.#restarts = instruments.tally('sconce_worker_restarts_total', labels)
  }

  accepted(versionInUrl: boolean): void {
    if (!this.#dropped) this.#servedAs(versionInUrl).requests.add()
  }

  answered(times: { queueMs: number; totalMs: number; versionInUrl: boolean }): void {
    if (this.#dropped) return
    const served = this.#servedAs(times.versionInUrl)
    served.latency.add(times.totalMs * 1000)
    served.queue.add(times.queueMs * 1000)
    this.#total.observe(times.totalMs / 1000)
    this.#queue.observe(times.queueMs / 1000)
    this.#options.host.queueTime.set(Math.max(0, Math.trunc(times.queueMs)))
  }

  failed(code: string): void {
    if (this.#dropped) return
    let failures = this.#failures.get(code)
    if (failures === undefined) {
      const labels = { ...this.#labels, code }
      failures = this.#options.instruments.tally('sconce_inference_failures_total', labels)
      this.#failures.set(code, failures)
    }
    failures.add()
  }

  batch(run: { size: number; workerMs: number; handlerMs: number; predictionMs: number }): void {
    if (this.#dropped) return
    this.#size.observe(run.size)
    this.#worker.observe(run.workerMs / 1000)
    this.#options.host.workerThreadTime.set(Math.max(0, Math.round(run.workerMs - run.handlerMs)))
    const { handlerTime, predictionTime } = this.#options.shared
    handlerTime?.set(run.handlerMs)
    predictionTime?.set(run.predictionMs)
  }

  sample(sample: MetricSample): void {
    if (!this.#dropped) this.#options.custom.record(this, sample)
  }

  workerLoaded(workerName: string, ms: number): void {
    if (this.#dropped) return
    const labels = { WorkerName: workerName, Level: 'Host', Hostname: this.#options.hostname }
    const level = this.#loadTimes.get(workerName) ?? this.#options.instruments.level('WorkerLoadTime', labels)
    this.#loadTimes.set(workerName, level)
    level.set(ms)
  }

  workerGone(workerName: string): void {
    this.#loadTimes.get(workerName)?.remove()
    this.#loadTimes.delete(workerName)
  }

  workerRestarted(): void {
    if (!this.#dropped) this.#restarts.add()
  }

  watch(gauges: { queueLength: () => number; workers: () => Readonly<Record<string, number>> }): void {
    this.#gauges = gauges
  }

  /** Before the page is printed: brings prom-client up to date. */
  settle(): void {
    this.#lookAtGauges()
    for (const series of this.#all()) series.settle()
  }

  drop(): void {
    if (this.#dropped) return
    this.#dropped = true
    for (const series of this.#all()) series.remove()
    this.#options.custom.drop(this)
    this.#options.onDrop(this)
  }

  #servedAs(versionInUrl: boolean): ServedSeries {
    return versionInUrl ? this.#served : this.#options.shared.served
  }

  #lookAtGauges(): void {
    for (const level of this.#watched) level.remove()
    this.#watched = []
    if (this.#gauges === undefined) return
    const { instruments } = this.#options
    this.#look(instruments.level('sconce_queue_length', this.#labels), this.#gauges.queueLength())
    for (const [state, count] of Object.entries(this.#gauges.workers())) {
      this.#look(instruments.level('sconce_workers', { ...this.#labels, state }), count)
    }
  }

  #look(level: Level, value: number): void {
    level.set(value)
    this.#watched.push(level)
  }

  #all(): Series[] {
    const fixed = [this.#total, this.#queue, this.#worker, this.#size, this.#restarts]
    return [
      ...this.#served.all(),
      ...fixed,
      ...this.#failures.values(),
      ...this.#loadTimes.values(),
      ...this.#watched,
    ]
  }
}
