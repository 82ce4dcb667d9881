import type { Model, ModelObserver } from '../models/model.ts'
import type { BatchReport } from '../pool/run-batch.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { ModelMetrics } from '../telemetry/model-metrics.ts'

/** Metrics and logs of the registered models: what their pools and workers do, one observer per version. */
export class ModelTelemetry {
  readonly #metrics: Metrics
  readonly #logger: Logger
  readonly #meters = new Map<string, ModelMetrics>()
  /** The same by model: a look-up for each request makes no key. */
  readonly #ofModels = new WeakMap<Pick<Model, 'name' | 'version'>, ModelMetrics>()
  /** How many models of one name and version there are: one that ends may overlap with the one that follows it. */
  readonly #open = new Map<string, number>()

  constructor(metrics: Metrics, logger: Logger) {
    this.#metrics = metrics
    this.#logger = logger
  }

  /** The bound metrics of a registered version. */
  meterOf(model: Pick<Model, 'name' | 'version'>): ModelMetrics {
    const known = this.#ofModels.get(model)
    if (known !== undefined) return known
    const meter = this.#meterFor(model.name, model.version)
    this.#ofModels.set(model, meter)
    return meter
  }

  #meterFor(name: string, version: string): ModelMetrics {
    const key = keyOf(name, version)
    const meter = this.#meters.get(key) ?? this.#metrics.forModel(name, version)
    this.#meters.set(key, meter)
    return meter
  }

  /** The observer of one version, from before its first worker until it is closed. */
  observe(name: string, version: string): ModelObserver {
    const meter = this.#meterFor(name, version)
    const key = keyOf(name, version)
    this.#open.set(key, (this.#open.get(key) ?? 0) + 1)
    const logger = this.#logger.child({ model: name, version })
    const restarting = new Set<string>()
    const workerName = (worker: string) => `W-${worker}-${name}_${version}`
    return {
      onOpened: gauges =>
        meter.watch({ ...gauges, workers: () => countBy(gauges.workers().map(({ state }) => state)) }),
      onLoaded: (worker, { loadMs }, sinceStartMs) => {
        meter.workerLoaded(workerName(worker), sinceStartMs)
        logger.info('Worker is ready', {
          worker,
          loadMs: Math.round(loadMs),
          startMs: Math.round(sinceStartMs),
        })
      },
      onState: (worker, state, reason) => {
        if (state === 'waiting') restarting.add(worker)
        if (state === 'starting' && restarting.delete(worker)) meter.workerRestarted()
        if (state === 'stopped') meter.workerGone(workerName(worker))
        if (state === 'waiting') logger.warn('Worker ended and will be started again', { worker, reason })
        else if (state === 'failed') logger.error('Worker was given up', { worker, reason })
        else logger.debug(`Worker is ${state}`, { worker })
      },
      onBatch: batch => recordBatch(meter, batch),
      onDeath: death => {
        if (death.isRetried) meter.retried(death.size)
      },
      onDiscarded: cause => meter.discarded(cause),
      onDropped: cause => meter.dropped(cause),
      onCircuit: reason => {
        if (reason === '') logger.info('Requests are let in again: a worker answers')
        else logger.error('Requests are refused until a worker answers again', { reason })
      },
      onClosed: () => {
        const left = (this.#open.get(key) ?? 1) - 1
        this.#open.set(key, left)
        if (left > 0) return
        this.#open.delete(key)
        this.#meters.delete(key)
        meter.drop()
      },
    }
  }
}

function recordBatch(meter: ModelMetrics, { size, cutBy, workerMs, timings, metrics }: BatchReport): void {
  const { preprocess, inference, postprocess } = timings
  meter.batch({
    size,
    cutBy,
    workerMs,
    handlerMs: postprocess[1] - preprocess[0],
    predictionMs: inference[1] - inference[0],
  })
  for (const sample of metrics) meter.sample(sample)
}

function keyOf(name: string, version: string): string {
  return JSON.stringify([name, version])
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
