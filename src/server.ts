/**
 * The composition root: builds every part once, starts them in order, stops them in reverse. Read from top to bottom
 * it is the architecture.
 */
import { rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { claimWorkDir } from './archive/work-dir.ts'
import type { Config } from './config/config.ts'
import { planCpu, readCpuLimits, type CpuLimits, type CpuPlan } from './config/cpu-plan.ts'
import { createApp, type App } from './http/app.ts'
import { addInferenceRoutes } from './http/inference.ts'
import { listen } from './http/listen.ts'
import { addManagementRoutes } from './http/management.ts'
import { addMetricsRoutes } from './http/metrics.ts'
import { ModelTelemetry } from './inference/model-telemetry.ts'
import { Predictor } from './inference/predictor.ts'
import { loadAtStartup, type Refused } from './models/load-at-startup.ts'
import type { RegisterDeps } from './models/register.ts'
import { Registry } from './models/registry.ts'
import { InlinePort } from './pool/inline-port.ts'
import type { LogMessage, WorkerPort } from './pool/port.ts'
import { ProcessPort } from './pool/process-port.ts'
import { totalMemoryBytes, workerProgram } from './pool/worker-program.ts'
import { startHostMetrics } from './telemetry/host-metrics.ts'
import type { Logger, RootLogger } from './telemetry/logger.ts'
import { Metrics } from './telemetry/metrics.ts'
import { readMetricsConfig } from './telemetry/metrics-config.ts'
import { startTracing } from './telemetry/tracing.ts'

export interface ServerOptions {
  readonly config: Config
  readonly logger: RootLogger
  /** The package's root: where handlers/, config/ and node_modules/ are. */
  readonly home: string
  readonly version: string
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface Server {
  /** Address of each API as it can be used; metrics is undefined where it is off. */
  readonly addresses: {
    readonly inference: string
    readonly management: string
    readonly metrics: string | undefined
  }
  readonly cpu: CpuLimits & CpuPlan
  readonly registry: Registry
  /** Archives that could not be registered at start, with the reason. */
  readonly refused: readonly Refused[]
  /** Resolves when each worker of the start is up, or has failed for the first time. */
  readonly settled: Promise<void>
  /** Closes the doors, lets what is in flight finish, ends the workers, flushes telemetry. */
  stop(): Promise<void>
}

/** What requests in flight get at the end, before their connections are cut. */
const DRAIN_MS = 30_000
/** A worker that takes more than this share of all memory is killed before the kernel kills anything. */
const WORKER_MEMORY_SHARE = 0.8

export async function startServer(options: ServerOptions): Promise<Server> {
  const { config, logger, version } = options
  const limits = await readCpuLimits()
  const cpu = {
    ...limits,
    ...planCpu({ ...limits, workers: config.workers.isDebug ? 1 : config.workers.perModel }),
  }
  const workDir = await claimWorkDir()

  // Telemetry.
  const metrics = await openMetrics(options)
  const host = config.metrics.isHostMeasured
    ? startHostMetrics(config.metrics.hostIntervalMs / 1000)
    : undefined
  if (host !== undefined) metrics.setHostSource(() => host.latest())
  const tracing = await startTracing({ ...config.tracing, serviceName: 'sconce', version, logger })
  const telemetry = new ModelTelemetry(metrics, logger)

  // Domain and use cases.
  const registry = new Registry()
  const predictor = new Predictor({ registry, telemetry, tracing, logger })
  const deps = registerDeps(options, { cpu, workDir, registry, telemetry })

  // Edges.
  const apps = openEdges(options, { predictor, registry, metrics })

  const stop = async (): Promise<void> => {
    await Promise.all([...apps.values()].map(app => closeApp(app, logger)))
    await Promise.all(registry.all().map(model => model.close()))
    host?.stop()
    await tracing.stop()
    await rm(workDir, { recursive: true, force: true })
    await logger.flush()
  }

  try {
    // Doors open before the models are there, as TorchServe's do: /ping answers, predictions wait in their queues.
    const addresses = await bindAll(apps, config)
    const { registered, refused } = await loadAtStartup(config.models.load, deps)
    for (const { url, reason } of refused) logger.warn(`Failed to load model: ${url}`, { reason })
    return {
      addresses,
      cpu,
      registry,
      refused,
      settled: Promise.allSettled(registered.map(({ ready }) => ready)).then(() => {}),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
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

interface EdgeParts {
  readonly predictor: Predictor
  readonly registry: Registry
  readonly metrics: Metrics
}

/** One app per address: APIs that share an address share the app. */
function openEdges({ config, logger, version }: ServerOptions, parts: EdgeParts): Map<string, App> {
  const { predictor, registry, metrics } = parts
  const apps = new Map<string, App>()
  const appAt = ({ text }: { text: string }): App => {
    const app = apps.get(text) ?? newApp(config, logger, metrics)
    apps.set(text, app)
    return app
  }
  const { inference, management, metrics: scraped, isMetricsServed } = config.listeners
  addInferenceRoutes(appAt(inference), { predictor, registry, version })
  addManagementRoutes(appAt(management), { registry, version })
  if (isMetricsServed) addMetricsRoutes(appAt(scraped), { metrics, version })
  return apps
}

/** Opens the doors; each API's address as it can be used. */
async function bindAll(apps: ReadonlyMap<string, App>, { listeners }: Config): Promise<Server['addresses']> {
  const bound = new Map<string, string>()
  for (const [text, app] of apps) {
    const address = [listeners.inference, listeners.management, listeners.metrics].find(
      one => one.text === text,
    )
    if (address !== undefined) bound.set(text, await listen(app, address))
  }
  return {
    inference: bound.get(listeners.inference.text) ?? '',
    management: bound.get(listeners.management.text) ?? '',
    metrics: listeners.isMetricsServed ? bound.get(listeners.metrics.text) : undefined,
  }
}

function newApp(config: Config, logger: Logger, metrics: Metrics): App {
  const { origin, methods, headers } = config.listeners.cors
  const cors = Object.entries({
    'access-control-allow-origin': origin,
    'access-control-allow-methods': methods,
    'access-control-allow-headers': headers,
  }).flatMap(([name, value]) => (value ? [[name, value] as const] : []))
  return createApp({
    logger,
    maxRequestSize: config.listeners.maxRequestBytes,
    cors: Object.fromEntries(cors),
    countResponse: status => metrics.countResponse(status),
  })
}

/** Ends an app once its requests are answered, or when their time is over. */
async function closeApp(app: App, logger: Logger): Promise<void> {
  const timer = setTimeout(() => {
    logger.warn('Requests were still open when the drain time was over; their connections are cut')
    app.server.closeAllConnections()
  }, DRAIN_MS)
  await app.close()
  clearTimeout(timer)
}

interface Parts {
  readonly cpu: CpuPlan
  readonly workDir: string
  readonly registry: Registry
  readonly telemetry: ModelTelemetry
}

function registerDeps(options: ServerOptions, { cpu, workDir, registry, telemetry }: Parts): RegisterDeps {
  const { config } = options
  const openPort = config.workers.isDebug ? inlinePorts(options) : processPorts(options)
  let lastWorker = config.workers.firstNumber - 1
  return {
    registry,
    workDir,
    openPort,
    modelStore: config.models.store,
    handlersDir: fileURLToPath(new URL('../handlers', import.meta.url)),
    defaultHandler: config.models.defaultHandler ?? 'base_handler',
    configured: config.models.settings,
    defaults: {
      workers: cpu.workersPerModel,
      responseTimeoutMs: config.workers.isDebug ? Infinity : config.workers.responseTimeoutMs,
      startupTimeoutMs: config.workers.isDebug ? Infinity : config.workers.startupTimeoutMs,
      jobQueueSize: config.workers.queueSize,
    },
    worker: {
      threads: cpu.threadsPerWorker,
      maxResponseSize: config.listeners.maxResponseBytes,
      decodeInput: config.models.isInputDecoded,
      limitImagePixels: config.models.isImageSizeLimited,
    },
    nextWorkerId: () => String(++lastWorker),
    observe: (name, version) => telemetry.observe(name, version),
  }
}

type OpenPort = RegisterDeps['openPort']

/** A process per worker, fenced in by Node's permission model. */
function processPorts({ config, home, logger, env }: ServerOptions): OpenPort {
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
function inlinePorts({ logger }: ServerOptions): OpenPort {
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
