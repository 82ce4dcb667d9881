/**
 * The composition root: builds every part once, starts them in order, stops them in reverse. Read from top to bottom
 * it is the architecture.
 */
import { rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { openPatterns, sweepPartialDownloads } from './archive/fetch.ts'
import { claimWorkDir } from './archive/work-dir.ts'
import { openCaches } from './caches.ts'
import type { Config } from './config/config.ts'
import type { LoadedConfig } from './config/load.ts'
import { planCpu, readCpuLimits, type CpuLimits, type CpuPlan } from './config/cpu-plan.ts'
import type { EdgeParts, Edges, OpenAddresses } from './edges.ts'
import { failure } from './errors.ts'
import { HANDLERS_DIR, HOME } from './home.ts'
import { ModelTelemetry } from './inference/model-telemetry.ts'
import { Predictor } from './inference/predictor.ts'
import { Readiness } from './inference/readiness.ts'
import { RuntimeSettings } from './inference/runtime-settings.ts'
import type { Refused } from './models/load-at-startup.ts'
import { logImport } from './models/log-import.ts'
import { loadModels } from './models/load-models.ts'
import { ModelOperations } from './models/operations.ts'
import { SnapshotRecorder } from './models/snapshot-recorder.ts'
import type { RegisterDeps } from './models/register.ts'
import { Registry } from './models/registry.ts'
import { Repository } from './models/repository.ts'
import { startHostMetrics } from './telemetry/host-metrics.ts'
import type { Logger, RootLogger } from './telemetry/logger.ts'
import { Metrics } from './telemetry/metrics.ts'
import { readMetricsConfig } from './telemetry/metrics-config.ts'
import { TraceSampling } from './telemetry/trace-sampling.ts'
import { startTracing, type Tracing } from './telemetry/tracing.ts'
import { WorkerPorts } from './worker-ports.ts'

export interface ServerOptions {
  readonly config: Config
  readonly logger: RootLogger
  readonly version: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where snapshots go, and the configuration for them; undefined: none are written. */
  readonly snapshots?: LoadedConfig['snapshots']
  /** Ends a start that is under way: it throws SHUTTING_DOWN when all that it made is gone again. */
  readonly signal?: AbortSignal
}

export interface Server extends OpenAddresses {
  /** The plan for all models; `isMeasured`: each model's own is found where nobody says one. */
  readonly cpu: CpuLimits & CpuPlan & { readonly isMeasured: boolean }
  readonly registry: Registry
  /** Archives that could not be registered at start, with the reason. */
  readonly refused: readonly Refused[]
  /** Resolves when each worker of the start is up, or has failed for the first time. */
  readonly settled: Promise<void>
  /**
   * Says that it is not ready, and after the grace closes the doors, lets what is in flight finish, ends the workers
   * and flushes telemetry.
   */
  stop(): Promise<void>
}

/** What one remote archive may take. */
const MAX_DOWNLOAD_BYTES = 16 * 1024 ** 3
const DOWNLOAD_TIMEOUT_MS = 30 * 60_000
/** What workers get to end once everybody has been answered: whoever they still compute for has left. */
const WORKERS_END_MS = 5000

export async function startServer(options: ServerOptions): Promise<Server> {
  const { config, logger } = options
  const { stopping, refuseWork } = stoppingAt(options.signal)
  const cpu = await planFor(config)
  const { metrics, sampling, tracing, telemetry, stopTelemetry } = await startTelemetry(options)

  // Domain and use cases.
  const workDir = await claimWorkDir()
  await checkRemoteArchives(config, logger)
  const registry = new Registry()
  const readiness = new Readiness(registry)
  const workers = new WorkerPorts(options)
  const predictor = new Predictor({ registry, telemetry, tracing, logger })
  const snapshots = recordSnapshots(options, registry)
  const operations = new ModelOperations({
    deps: registerDeps(options, { cpu, workDir, workers, registry, telemetry, stopping }),
    unregisterTimeoutMs: config.workers.unregisterTimeoutMs,
    onChange: () => snapshots?.changed(),
  })

  // Edges.
  const stored = { modelStore: config.models.store, workers: cpu.workersPerModel }
  const repository = new Repository({ registry, operations, ...stored })
  const settings = new RuntimeSettings({ registry, logger, levels: logger.levels, sampling })
  const parts = { predictor, registry, readiness, operations, repository, metrics, settings }
  let edges: Edges | undefined

  const end = async (): Promise<void> => {
    refuseWork() // Downloads and imports end, which edges would wait for, and no model comes any more.
    await edges?.close()
    await operations.registered()
    await snapshots?.stopping()
    await closeModels(registry, workers, logger)
    await stopTelemetry()
    await rm(workDir, { recursive: true, force: true })
    await logger.flush()
  }
  const stop = (): Promise<void> => {
    refuseWork()
    return drain(readiness, options).then(end)
  }

  try {
    const loading = loadModels(config.models, operations)
    // What it throws is thrown below. Code that is loaded before the first worker has been started holds that up.
    await Promise.race([workers.first, loading]).catch(() => {})
    edges = await loadEdges(options, parts)
    // Doors open once every model is registered, and before its workers are up: predictions wait in their queues.
    const { registered, refused } = await loading
    for (const { url, reason } of refused) logger.warn(`Failed to load model: ${url}`, { reason })
    stopping.throwIfAborted()
    const open = await edges.open()
    await snapshots?.started()
    const plan = { ...cpu, isMeasured: areWorkersFree(config) }
    return { ...open, cpu: plan, registry, refused, settled: settledAll(registered), stop }
  } catch (error) {
    await end()
    throw error
  }
}

async function settledAll(registered: readonly { readonly ready: Promise<unknown> }[]): Promise<void> {
  await Promise.allSettled(registered.map(({ ready }) => ready))
}

/** Imported while workers start: it takes as long. */
async function loadEdges(options: ServerOptions, parts: EdgeParts): Promise<Edges> {
  const { makeEdges } = await import('./edges.ts')
  return makeEdges(options, parts)
}

async function startTelemetry(options: ServerOptions) {
  const { config, logger } = options
  const { exporter, sampleRatio: ratio } = config.tracing
  const metrics = await openMetrics(options)
  const host = measureHost(config, metrics)
  const sampling = new TraceSampling({ isOn: exporter !== 'none', ratio })
  const tracing = await openTracing(options, sampling)
  const stopTelemetry = async () => {
    host?.stop()
    await tracing.stop()
  }
  return { metrics, sampling, tracing, telemetry: new ModelTelemetry(metrics, logger), stopTelemetry }
}

/** What refuses work once the server stops, which it does by itself at this signal. */
function stoppingAt(signal: AbortSignal | undefined): { stopping: AbortSignal; refuseWork: () => void } {
  const controller = new AbortController()
  const refuseWork = () => controller.abort(failure('SHUTTING_DOWN'))
  signal?.addEventListener('abort', refuseWork)
  if (signal?.aborted) refuseWork()
  return { stopping: controller.signal, refuseWork }
}

/** Not ready from now on; requests still come until whoever sends them has noticed. */
async function drain(readiness: Readiness, { config, logger }: ServerOptions): Promise<void> {
  const { drainGraceMs } = config.limits
  readiness.beginDrain()
  if (drainGraceMs === 0) return
  logger.info('Not ready any more, and still serving', { seconds: drainGraceMs / 1000 })
  await pause(drainGraceMs)
}

/** Ends the workers of all models, in time or by force. */
async function closeModels(registry: Registry, workers: WorkerPorts, logger: Logger): Promise<void> {
  const timer = new AbortController()
  const late = pause(WORKERS_END_MS, 'late', { signal: timer.signal }).catch(() => '')
  const closed = Promise.all(registry.all().map(model => model.close()))
  const outcome = await Promise.race([closed, late])
  timer.abort()
  if (outcome !== 'late') return
  const killed = workers.kill('was ended because the server stops')
  logger.warn('Workers that still computed, for clients that had left, were ended', { workers: killed })
}

async function planFor({ workers }: Config): Promise<CpuLimits & CpuPlan> {
  const limits = await readCpuLimits()
  return { ...limits, ...planCpu({ ...limits, workers: workers.isDebug ? 1 : workers.perModel }) }
}

/** Tidies up after downloads that were cut off, and warns of rules that let anything in. */
async function checkRemoteArchives({ models }: Config, logger: Logger): Promise<void> {
  const swept = await sweepPartialDownloads(models.store)
  if (swept.length > 0) logger.info('Removed partial downloads of an earlier server', { files: swept })
  for (const pattern of openPatterns(models.allowedUrls)) {
    logger.warn('allowed_urls lets models be registered from anywhere', { pattern })
  }
}

function measureHost(config: Config, metrics: Metrics): ReturnType<typeof startHostMetrics> | undefined {
  if (!config.metrics.isHostMeasured) return undefined
  const host = startHostMetrics(config.metrics.hostIntervalMs / 1000)
  metrics.setHostSource(() => host.latest())
  return host
}

function recordSnapshots(
  { snapshots, logger }: ServerOptions,
  registry: Registry,
): SnapshotRecorder | undefined {
  if (snapshots === undefined) return undefined
  const warn: Logger['warn'] = (message, fields) => logger.warn(message, fields)
  return new SnapshotRecorder({ ...snapshots, registry, warn })
}

async function openMetrics({ config, logger, version }: ServerOptions): Promise<Metrics> {
  return new Metrics({
    hostname: hostname(),
    version,
    mode: config.metrics.mode,
    config: await readMetricsConfig(config.metrics.configFile ?? join(HOME, 'config', 'metrics.yaml')),
    autoDetect: config.metrics.autoDetect,
    warn: (message, fields) => logger.warn(message, fields),
  })
}

function openTracing({ config, logger, version }: ServerOptions, sampling: TraceSampling): Promise<Tracing> {
  const sampleRatio = (model: string) => sampling.ratioOf(model)
  return startTracing({ ...config.tracing, sampleRatio, serviceName: 'sconce', version, logger })
}

interface Parts {
  readonly cpu: CpuPlan
  readonly workDir: string
  readonly workers: WorkerPorts
  readonly registry: Registry
  readonly telemetry: ModelTelemetry
  readonly stopping: AbortSignal
}

function registerDeps(options: ServerOptions, parts: Parts): RegisterDeps {
  const { cpu, workDir, workers, registry, telemetry, stopping } = parts
  const { config, logger } = options
  let lastWorker = config.workers.firstNumber - 1
  return {
    registry,
    stopping,
    workDir,
    openPort: workers.open,
    ...openCaches(options, workDir, stopping),
    observeImport: (model, version) => logImport(logger.child({ model, version })),
    locate: {
      modelStore: config.models.store,
      allowedUrls: config.models.allowedUrls,
      maxBytes: MAX_DOWNLOAD_BYTES,
      timeoutMs: DOWNLOAD_TIMEOUT_MS,
      onProgress: (url, received, total) =>
        // Not the query: a signed link carries its secret there.
        logger.info('Downloading an archive', { url: url.split('?')[0], received, total }),
    },
    handlersDir: HANDLERS_DIR,
    defaultHandler: config.models.defaultHandler ?? 'base_handler',
    configured: config.models.settings,
    defaults: {
      startupWorkers: areWorkersFree(config) ? undefined : cpu.workersPerModel,
      workers: config.workers.perModel,
      responseTimeoutMs: config.workers.isDebug ? Infinity : config.workers.responseTimeoutMs,
      startupTimeoutMs: config.workers.isDebug ? Infinity : config.workers.startupTimeoutMs,
      jobQueueSize: config.workers.queueSize,
      jobQueueBytes: config.workers.queueBytes,
    },
    tuning: {
      usableCores: cpu.usable,
      fallbackWorkers: cpu.workersPerModel,
      isOn: config.workers.isCalibrated,
      isWarmedUp: config.workers.isWarmedUp,
    },
    worker: {
      maxResponseSize: config.listeners.maxResponseBytes,
      decodeInput: config.models.isInputDecoded,
      limitImagePixels: config.models.isImageSizeLimited,
    },
    nextWorkerId: () => String(++lastWorker),
    observe: (name, version) => telemetry.observe(name, version),
    warn: (message, fields) => logger.warn(message, fields),
  }
}

/** Whether a model of the start gets as many workers as measuring finds. */
function areWorkersFree({ workers }: Config): boolean {
  return workers.isCalibrated && workers.perModel === 0 && !workers.isDebug
}
