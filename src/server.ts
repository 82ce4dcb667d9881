/**
 * The composition root: builds every part once, starts them in order, stops them in reverse. Read from top to bottom
 * it is the architecture.
 */
import { rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openPatterns, sweepPartialDownloads } from './archive/fetch.ts'
import { claimWorkDir } from './archive/work-dir.ts'
import type { Config } from './config/config.ts'
import type { LoadedConfig } from './config/load.ts'
import { planCpu, readCpuLimits, type CpuLimits, type CpuPlan } from './config/cpu-plan.ts'
import { ImportCache } from './conversion/cache.ts'
import { importSurroundings } from './conversion/surroundings.ts'
import { makeEdges, type OpenAddresses } from './edges.ts'
import { failure } from './errors.ts'
import { ModelTelemetry } from './inference/model-telemetry.ts'
import { Predictor } from './inference/predictor.ts'
import { RuntimeSettings } from './inference/runtime-settings.ts'
import type { Refused } from './models/load-at-startup.ts'
import { logImport } from './models/log-import.ts'
import { loadModels } from './models/load-models.ts'
import { ModelOperations } from './models/operations.ts'
import { SnapshotRecorder } from './models/snapshot-recorder.ts'
import type { RegisterDeps } from './models/register.ts'
import { Registry } from './models/registry.ts'
import { Repository } from './models/repository.ts'
import { InlinePort } from './pool/inline-port.ts'
import type { LogMessage, WorkerPort } from './pool/port.ts'
import { ProcessPort } from './pool/process-port.ts'
import { totalMemoryBytes, workerProgram } from './pool/worker-program.ts'
import { startHostMetrics } from './telemetry/host-metrics.ts'
import type { Logger, RootLogger } from './telemetry/logger.ts'
import { Metrics } from './telemetry/metrics.ts'
import { readMetricsConfig } from './telemetry/metrics-config.ts'
import { TraceSampling } from './telemetry/trace-sampling.ts'
import { startTracing, type Tracing } from './telemetry/tracing.ts'

export interface ServerOptions {
  readonly config: Config
  readonly logger: RootLogger
  /** The package's root: where handlers/, config/ and node_modules/ are. */
  readonly home: string
  readonly version: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where snapshots go, and the configuration for them; undefined: none are written. */
  readonly snapshots?: LoadedConfig['snapshots']
  /** Ends a start that is under way: it throws SHUTTING_DOWN when all that it made is gone again. */
  readonly signal?: AbortSignal
}

export interface Server extends OpenAddresses {
  readonly cpu: CpuLimits & CpuPlan
  readonly registry: Registry
  /** Archives that could not be registered at start, with the reason. */
  readonly refused: readonly Refused[]
  /** Resolves when each worker of the start is up, or has failed for the first time. */
  readonly settled: Promise<void>
  /** Closes the doors, lets what is in flight finish, ends the workers, flushes telemetry. */
  stop(): Promise<void>
}

/** What one remote archive may take. */
const MAX_DOWNLOAD_BYTES = 16 * 1024 ** 3
const DOWNLOAD_TIMEOUT_MS = 30 * 60_000
/** A worker that takes more than this share of all memory is killed before the kernel kills anything. */
const WORKER_MEMORY_SHARE = 0.8

export async function startServer(options: ServerOptions): Promise<Server> {
  const { config, logger } = options
  const { stopping, refuseWork } = stoppingAt(options.signal)
  const cpu = await planFor(config)

  // Telemetry.
  const metrics = await openMetrics(options)
  const host = measureHost(config, metrics)
  const sampling = new TraceSampling({
    isOn: config.tracing.exporter !== 'none',
    ratio: config.tracing.sampleRatio,
  })
  const tracing = await openTracing(options, sampling)
  const telemetry = new ModelTelemetry(metrics, logger)

  // Domain and use cases.
  const workDir = await claimWorkDir()
  await checkRemoteArchives(config, logger)
  const registry = new Registry()
  const predictor = new Predictor({ registry, telemetry, tracing, logger })
  const snapshots = recordSnapshots(options, registry)
  const operations = new ModelOperations({
    deps: registerDeps(options, { cpu, workDir, registry, telemetry, stopping }),
    unregisterTimeoutMs: config.workers.unregisterTimeoutMs,
    onChange: () => snapshots?.changed(),
  })

  // Edges.
  const stored = { modelStore: config.models.store, workers: cpu.workersPerModel }
  const repository = new Repository({ registry, operations, ...stored })
  const settings = new RuntimeSettings({ registry, logger, levels: logger.levels, sampling })
  const edges = await makeEdges(options, { predictor, registry, operations, repository, metrics, settings })

  const stop = async (): Promise<void> => {
    refuseWork() // Downloads and imports end, which edges would wait for, and no model comes any more.
    await edges.close()
    await operations.registered()
    await snapshots?.stopping()
    await Promise.all(registry.all().map(model => model.close()))
    host?.stop()
    await tracing.stop()
    await rm(workDir, { recursive: true, force: true })
    await logger.flush()
  }

  try {
    // Doors open once every model is registered, and before its workers are up: predictions wait in their queues.
    const { registered, refused } = await loadModels(config.models, operations)
    for (const { url, reason } of refused) logger.warn(`Failed to load model: ${url}`, { reason })
    stopping.throwIfAborted()
    const open = await edges.open()
    await snapshots?.started()
    const settled = Promise.allSettled(registered.map(({ ready }) => ready)).then(() => {})
    return { ...open, cpu, registry, refused, settled, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** What refuses work once the server stops, which it does by itself at this signal. */
function stoppingAt(signal: AbortSignal | undefined): { stopping: AbortSignal; refuseWork: () => void } {
  const controller = new AbortController()
  const refuseWork = () => controller.abort(failure('SHUTTING_DOWN'))
  signal?.addEventListener('abort', refuseWork)
  if (signal?.aborted) refuseWork()
  return { stopping: controller.signal, refuseWork }
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

async function openMetrics({ config, home, logger, version }: ServerOptions): Promise<Metrics> {
  return new Metrics({
    hostname: hostname(),
    version,
    mode: config.metrics.mode,
    config: await readMetricsConfig(config.metrics.configFile ?? join(home, 'config', 'metrics.yaml')),
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
  readonly registry: Registry
  readonly telemetry: ModelTelemetry
  readonly stopping: AbortSignal
}

function registerDeps(options: ServerOptions, parts: Parts): RegisterDeps {
  const { cpu, workDir, registry, telemetry, stopping } = parts
  const { config, logger } = options
  let lastWorker = config.workers.firstNumber - 1
  return {
    registry,
    stopping,
    workDir,
    openPort: config.workers.isDebug ? inlinePorts(options) : processPorts(options),
    imports: openImports(options, workDir, stopping),
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
    handlersDir: fileURLToPath(new URL('../handlers', import.meta.url)),
    defaultHandler: config.models.defaultHandler ?? 'base_handler',
    configured: config.models.settings,
    defaults: {
      startupWorkers: cpu.workersPerModel,
      workers: config.workers.perModel,
      responseTimeoutMs: config.workers.isDebug ? Infinity : config.workers.responseTimeoutMs,
      startupTimeoutMs: config.workers.isDebug ? Infinity : config.workers.startupTimeoutMs,
      jobQueueSize: config.workers.queueSize,
      jobQueueBytes: config.workers.queueBytes,
    },
    worker: {
      threads: cpu.threadsPerWorker,
      maxResponseSize: config.listeners.maxResponseBytes,
      decodeInput: config.models.isInputDecoded,
      limitImagePixels: config.models.isImageSizeLimited,
    },
    nextWorkerId: () => String(++lastWorker),
    observe: (name, version) => telemetry.observe(name, version),
    warn: (message, fields) => logger.warn(message, fields),
  }
}

function openImports(options: ServerOptions, workDir: string, stopping: AbortSignal): ImportCache {
  const { config, env, home, logger } = options
  const warn: Logger['warn'] = (message, fields) => logger.warn(message, fields)
  const imports = new ImportCache({ ...importSurroundings(home, env, config.models), workDir, warn })
  stopping.addEventListener('abort', () => imports.close())
  return imports
}

/** A process per worker, fenced in by Node's permission model. */
function processPorts({ config, home, logger, env }: ServerOptions): RegisterDeps['openPort'] {
  const { program, readable, env: passed } = workerProgram(home, env, config.workers.hiddenVariables)
  const limitMb = config.workers.memoryLimitMb
  const memoryLimitBytes = limitMb > 0 ? limitMb * 1024 ** 2 : totalMemoryBytes() * WORKER_MEMORY_SHARE
  return (order, files, worker): WorkerPort =>
    new ProcessPort({
      program,
      readable: [...readable, ...files],
      env: passed,
      memoryLimitBytes,
      onLog: logWorker(logger.child({ model: order.name, version: order.version, worker })),
    })
}

/** `debug=true`: the handler runs in this process, where a debugger can stop in it. */
function inlinePorts({ logger }: ServerOptions): RegisterDeps['openPort'] {
  return (order, _files, worker) => {
    const log = logWorker(logger.child({ model: order.name, version: order.version, worker }))
    return new InlinePort(async loading => {
      const { openHost } = await import('./worker/host.ts')
      return openHost(loading, (level, message, fields) => log({ type: 'log', level, message, fields }))
    })
  }
}

function logWorker(logger: Logger): (message: LogMessage) => void {
  return ({ level, message, fields }) => logger[level](message, fields)
}
