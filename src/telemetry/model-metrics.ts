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
  batch(run: BatchRun): void
  /** A request that no worker gets. */
  dropped(cause: string): void
  /** An answer that nobody waits for any more. */
  discarded(cause: string): void
  /** So many requests run again. */
  retried(count: number): void
  /** A metric that the model's handler gave; one that may not be kept is dropped with one warning. */
  sample(sample: MetricSample): void
  /** A worker, such as `W-9000-digits_1.0`, is ready, this long after it was started. */
  workerLoaded(workerName: string, ms: number): void
  /** It has ended for good: what was said of it leaves the page. */
  workerGone(workerName: string): void
  workerRestarted(): void
  /** Asked each time the page is. */
  watch(gauges: WatchedGauges): void
  /** The model is unregistered: its series leave the page, and later calls do nothing. */
  drop(): void
}

export interface BatchRun {
  readonly size: number
  readonly cutBy: string
  readonly workerMs: number
  readonly handlerMs: number
  readonly predictionMs: number
}

export interface WatchedGauges {
  queueLength(): number
  queueBytes(): number
  isCircuitOpen(): boolean
  /** By state. */
  workers(): Readonly<Record<string, number>>
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

type LabelledCounter =
  | 'sconce_inference_failures_total'
  | 'sconce_requests_dropped_total'
  | 'sconce_answers_discarded_total'
  | 'sconce_batches_total'

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
  readonly #retries: Tally
  /** Those of a metric that has one more label, by name and label. */
  readonly #byLabel = new Map<string, Tally>()
  readonly #loadTimes = new Map<string, Level>()
  #gauges: WatchedGauges | undefined
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
    this.#retries = instruments.tally('sconce_requests_retried_total', labels)
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
    this.#count('sconce_inference_failures_total', 'code', code)
  }

  dropped(cause: string): void {
    this.#count('sconce_requests_dropped_total', 'cause', cause)
  }

  discarded(cause: string): void {
    this.#count('sconce_answers_discarded_total', 'cause', cause)
  }

  retried(count: number): void {
    if (!this.#dropped) this.#retries.add(count)
  }

  batch(run: BatchRun): void {
    if (this.#dropped) return
    this.#count('sconce_batches_total', 'cut_by', run.cutBy)
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

  watch(gauges: WatchedGauges): void {
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

  #count(name: LabelledCounter, label: string, value: string): void {
    if (this.#dropped) return
    const key = `${name} ${value}`
    let tally = this.#byLabel.get(key)
    if (tally === undefined) {
      tally = this.#options.instruments.tally(name, { ...this.#labels, [label]: value })
      this.#byLabel.set(key, tally)
    }
    tally.add()
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
    this.#look(instruments.level('sconce_queue_bytes', this.#labels), this.#gauges.queueBytes())
    this.#look(instruments.level('sconce_circuit_open', this.#labels), Number(this.#gauges.isCircuitOpen()))
    for (const [state, count] of Object.entries(this.#gauges.workers())) {
      this.#look(instruments.level('sconce_workers', { ...this.#labels, state }), count)
    }
  }

  #look(level: Level, value: number): void {
    level.set(value)
    this.#watched.push(level)
  }

  #all(): Series[] {
    const fixed = [this.#total, this.#queue, this.#worker, this.#size, this.#restarts, this.#retries]
    return [
      ...this.#served.all(),
      ...fixed,
      ...this.#byLabel.values(),
      ...this.#loadTimes.values(),
      ...this.#watched,
    ]
  }
}
