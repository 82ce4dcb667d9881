import { CustomMetrics } from './custom-metrics.ts'
import type { HostSample } from './host-metrics.ts'
import { Instruments } from './instruments.ts'
import { LEGACY_NAMES } from './metric-table.ts'
import { DEFAULT_METRICS_CONFIG, type MetricsConfig } from './metrics-config.ts'
import { VersionMetrics, type ModelMetrics } from './model-metrics.ts'
import { NameSeries } from './name-series.ts'
import { ProcessMetrics } from './process-metrics.ts'
import { CONTENT_TYPE } from './prometheus-text.ts'
import type { Level, Tally } from './series.ts'

export type { ModelMetrics } from './model-metrics.ts'

/**
 * `prometheus` puts everything on the page, `legacy` TorchServe's three `ts_` counters, `log` nothing. TorchServe's
 * mode `log` writes each update of a metric to a file; a line for each would cost more than the prediction that it
 * counts, so here that mode only leaves the page empty.
 */
export type MetricsMode = 'prometheus' | 'log' | 'legacy'

export interface MetricsOptions {
  readonly hostname: string
  /** The server's version. */
  readonly version: string
  readonly mode: MetricsMode
  /** What metrics.yaml says; without it TorchServe's defaults. */
  readonly config?: MetricsConfig
  /** Whether metrics of handlers that metrics.yaml does not declare are kept. */
  readonly autoDetect?: boolean
  /** Told once of each metric of a handler that is dropped. */
  readonly warn?: (message: string, fields: Readonly<Record<string, unknown>>) => void
}

/** Everything the server counts and measures, and the page that shows it. */
export class Metrics {
  readonly #hostname: string
  readonly #mode: MetricsMode
  readonly #config: MetricsConfig
  readonly #instruments = new Instruments()
  readonly #custom: CustomMetrics
  readonly #process: ProcessMetrics
  readonly #responses: readonly [Tally, Tally, Tally]
  readonly #queueTime: Level
  readonly #workerThreadTime: Level
  readonly #hostLevels: Readonly<Record<keyof HostSample, Level>>
  readonly #models = new Map<string, VersionMetrics>()
  readonly #names = new Map<string, NameSeries>()
  #hostSource: (() => Promise<HostSample | undefined>) | undefined

  constructor(options: MetricsOptions) {
    const { hostname } = options
    const instruments = this.#instruments
    const host = { Level: 'Host', Hostname: hostname }
    this.#hostname = hostname
    this.#mode = options.mode
    this.#config = options.config ?? DEFAULT_METRICS_CONFIG
    this.#custom = new CustomMetrics({
      instruments,
      config: this.#config,
      autoDetect: options.autoDetect ?? false,
      hostname,
      warn: options.warn ?? (() => {}),
    })
    this.#process = new ProcessMetrics(instruments)
    this.#responses = [
      instruments.tally('Requests2XX', host),
      instruments.tally('Requests4XX', host),
      instruments.tally('Requests5XX', host),
    ]
    this.#queueTime = instruments.level('QueueTime', host)
    this.#workerThreadTime = instruments.level('WorkerThreadTime', host)
    this.#hostLevels = {
      cpuPercent: instruments.level('CPUUtilization', host),
      memoryUsedMB: instruments.level('MemoryUsed', host),
      memoryAvailableMB: instruments.level('MemoryAvailable', host),
      memoryPercent: instruments.level('MemoryUtilization', host),
      diskUsedGB: instruments.level('DiskUsage', host),
      diskAvailableGB: instruments.level('DiskAvailable', host),
      diskPercent: instruments.level('DiskUtilization', host),
    }
    const build = instruments.level('sconce_build_info', { version: options.version, node: process.version })
    build.set(1)
    build.settle()
  }

  /** Each HTTP response; what is neither 2xx nor 4xx counts as 5xx, as TorchServe counts. */
  countResponse(status: number): void {
    const [ok, refused, failed] = this.#responses
    if (status >= 200 && status < 300) ok.add()
    else if (status >= 400 && status < 500) refused.add()
    else failed.add()
  }

  /** The series of one registered version, the same object until it is dropped. Only for models that are registered. */
  forModel(name: string, version: string): ModelMetrics {
    const key = JSON.stringify([name, version])
    const existing = this.#models.get(key)
    if (existing !== undefined) return existing
    const shared =
      this.#names.get(name) ??
      new NameSeries(this.#instruments, this.#config, { name, hostname: this.#hostname })
    shared.versions++
    this.#names.set(name, shared)
    const model = new VersionMetrics({
      instruments: this.#instruments,
      custom: this.#custom,
      host: { queueTime: this.#queueTime, workerThreadTime: this.#workerThreadTime },
      shared,
      name,
      version,
      hostname: this.#hostname,
      onDrop: () => {
        this.#models.delete(key)
        this.#leave(name, shared)
      },
    })
    this.#models.set(key, model)
    return model
  }

  /** Where the host's load comes from: asked each time the page is. */
  setHostSource(source: () => Promise<HostSample | undefined>): void {
    this.#hostSource = source
  }

  /** The page, or only the samples of these names. */
  async render(names: readonly string[] = []): Promise<{ contentType: string; text: string }> {
    if (this.#mode === 'log') return { contentType: CONTENT_TYPE, text: '' }
    await this.#settle()
    const text = await this.#instruments.text({
      ...(this.#mode === 'legacy' ? { families: LEGACY_NAMES } : {}),
      ...(names.length > 0 ? { names: new Set(names) } : {}),
    })
    return { contentType: CONTENT_TYPE, text }
  }

  async #settle(): Promise<void> {
    const [host] = await Promise.all([this.#hostSource?.(), this.#process.settle()])
    for (const [key, level] of Object.entries(this.#hostLevels)) {
      // Object.entries forgets that the keys are those of the sample.
      if (host !== undefined) level.set(host[key as keyof HostSample])
      level.settle()
    }
    const shared = [...this.#names.values()].flatMap(name => name.all())
    const own = [...this.#responses, this.#queueTime, this.#workerThreadTime]
    for (const series of [...own, ...shared, ...this.#models.values(), this.#custom]) series.settle()
  }

  #leave(name: string, shared: NameSeries): void {
    shared.versions--
    if (shared.versions > 0) return
    for (const series of shared.all()) series.remove()
    this.#names.delete(name)
  }
}
