/** The edges of the server: the APIs over HTTP and gRPC, built together because they share keys and models. */
import { ByteBudget } from './byte-budget.ts'
import type { Config } from './config/config.ts'
import { readOpenFilesLimit } from './config/open-files.ts'
import { startGrpc, type GrpcEdge } from './grpc/edge.ts'
import { Access } from './http/access.ts'
import type { App } from './http/app.ts'
import { corsHeaders } from './http/cors.ts'
import { Doors, type Addresses } from './http/doors.ts'
import { addHealthRoutes } from './http/health.ts'
import { addInferenceRoutes } from './http/inference.ts'
import { addRepositoryRoutes } from './http/kserve-repository.ts'
import { addSettingsRoutes } from './http/kserve-settings.ts'
import { addKserveV1Routes } from './http/kserve-v1.ts'
import { addOpenInferenceRoutes, EXTENSIONS } from './http/kserve-v2.ts'
import { addManagementRoutes } from './http/management.ts'
import { addMetricsRoutes } from './http/metrics.ts'
import { readPem, readTlsKeys, type TlsKeys } from './http/tls.ts'
import type { Predictor } from './inference/predictor.ts'
import type { Readiness } from './inference/readiness.ts'
import type { RuntimeSettings } from './inference/runtime-settings.ts'
import { Management } from './models/management.ts'
import type { ModelOperations } from './models/operations.ts'
import type { Registry } from './models/registry.ts'
import type { Repository } from './models/repository.ts'
import { totalMemoryBytes } from './pool/worker-program.ts'
import type { RootLogger } from './telemetry/logger.ts'
import type { Metrics } from './telemetry/metrics.ts'

/** Of all memory, what bodies of requests and answers may take where nothing else is said. */
const INFLIGHT_SHARE = 1 / 8

export interface EdgeOptions {
  readonly config: Config
  readonly logger: RootLogger
  readonly version: string
}

/** Where the APIs can be reached. */
export interface OpenAddresses {
  readonly addresses: Addresses
  /** Undefined where gRPC is off. */
  readonly grpc: GrpcEdge['addresses'] | undefined
}

export interface EdgeParts {
  readonly predictor: Predictor
  readonly registry: Registry
  readonly readiness: Readiness
  readonly operations: ModelOperations
  readonly repository: Repository
  readonly metrics: Metrics
  readonly settings: RuntimeSettings
}

export interface Edges {
  /** Binds every address. */
  open(): Promise<OpenAddresses>
  /** Lets nobody in any more and waits until everybody has been answered. */
  close(): Promise<void>
}

/** The APIs over HTTP and gRPC, each behind its address. */
export async function makeEdges(options: EdgeOptions, parts: EdgeParts): Promise<Edges> {
  const { config, logger, version } = options
  const { grpc: listeners, security, models } = config
  const access = makeAccess(config)
  const budget = new ByteBudget(config.limits.inflightBytes || totalMemoryBytes() * INFLIGHT_SHARE)
  warnOfFewFiles(config, logger)
  const { message, isGrave = false } = access.describe() ?? {}
  if (message !== undefined) logger[isGrave ? 'warn' : 'info'](message)
  const management = new Management(parts.registry, parts.operations)
  const doors = makeDoors(options, { ...parts, management, access, budget, tls: await readTls(config) })
  const { certificateFile = '', privateKeyFile = '' } = security
  const isEncrypted = listeners.isServed && security.isGrpcEncrypted
  const tls = isEncrypted ? await readPem(certificateFile, privateKeyFile) : undefined
  let grpc: GrpcEdge | undefined
  return {
    open: async () => {
      const addresses = await doors.open()
      if (listeners.isServed) {
        grpc = await startGrpc({
          ...parts,
          listeners,
          tls,
          logger,
          management,
          maxRequestSize: config.listeners.maxRequestBytes,
          limits: clientLimits(config),
          budget,
          maxResponseSize: config.listeners.maxResponseBytes,
          isRegistrationEnabled: models.isRegistrationEnabled,
          drainMs: config.limits.drainTimeoutMs,
          identity: identityOf(config, version),
          checkKey: (api, authorization) => access.checkKey(api, authorization),
        })
      }
      return { addresses, grpc: grpc?.addresses }
    },
    close: async () => {
      await Promise.all([doors.close(), grpc?.close()])
    },
  }
}

/** What clients may take of one address. */
function clientLimits({ limits }: Config) {
  const { connections, requestTimeoutMs, clientTimeoutMs, minRequestBytesPerS } = limits
  return { connections, requestTimeoutMs, clientTimeoutMs, minRequestBytesPerS }
}

function identityOf({ openInference }: Config, version: string) {
  const { serverName, serverVersion = version } = openInference
  return { name: serverName, version: serverVersion, extensions: EXTENSIONS }
}

/** Where the system gives fewer file descriptors, connections fail before max_connections are there. */
function warnOfFewFiles({ limits }: Config, logger: RootLogger): void {
  const openFiles = readOpenFilesLimit() ?? Infinity
  if (openFiles >= limits.connections) return
  logger.warn('The system lets this process have fewer open files than max_connections: raise its limit', {
    openFiles,
    maxConnections: limits.connections,
  })
}

function makeAccess({ listeners, security, grpc }: Config): Access {
  return new Access({
    tokens: security.tokens,
    keyFile: security.keyFile,
    keyLifeMs: security.tokenLifeMs,
    listeners,
    grpcManagement: grpc.isServed ? { kind: 'tcp', scheme: 'http', ...grpc.management } : undefined,
    allowedHosts: security.allowedHosts,
    allowedOrigin: listeners.cors.origin,
  })
}

interface DoorParts extends Omit<EdgeParts, 'operations'> {
  readonly budget: ByteBudget
  readonly management: Management
  readonly access: Access
  readonly tls: TlsKeys | undefined
}

/** The three HTTP APIs. */
function makeDoors({ config, logger, version }: EdgeOptions, parts: DoorParts): Doors {
  const { predictor, registry, readiness, repository, management, metrics, settings, tls, access, budget } =
    parts
  const { listeners, limits, models } = config
  const app = {
    logger,
    maxRequestSize: listeners.maxRequestBytes,
    limits: clientLimits(config),
    budget,
    draining: readiness.draining,
    cors: corsHeaders(listeners.cors),
    countResponse: (status: number) => metrics.countResponse(status),
  }
  const { docsPage } = listeners
  const doors = new Doors({
    listeners,
    app,
    access,
    tls,
    version,
    docsPage,
    drainMs: limits.drainTimeoutMs,
  })
  const { isRegistrationEnabled } = models
  const envelope = models.envelope === 'body' ? undefined : models.envelope
  const isKeyNeeded = access.needsKey('inference')
  const addHealth = (open: App) => addHealthRoutes(open, { readiness, isDetailed: !isKeyNeeded })
  const addInference = (open: App) => {
    const predicting = { predictor, registry, logger, envelope }
    addInferenceRoutes(open, predicting)
    addKserveV1Routes(open, predicting)
    addOpenInferenceRoutes(open, {
      ...predicting,
      ...openInferenceOf(config, version),
      repository,
      readiness,
      isKeyNeeded,
    })
  }
  doors.add('inference', addInference, addHealth)
  doors.add('management', open => {
    addManagementRoutes(open, { registry, management, isRegistrationEnabled })
    addRepositoryRoutes(open, { repository, logger, isRegistrationEnabled })
    addSettingsRoutes(open, { settings, logger })
  })
  if (listeners.isMetricsServed) doors.add('metrics', open => addMetricsRoutes(open, { metrics }))
  return doors
}

function openInferenceOf({ openInference, listeners }: Config, version: string) {
  const { serverName, serverVersion = version, nonFinite } = openInference
  return { serverName, serverVersion, nonFinite, maxBytes: listeners.maxRequestBytes }
}

/** Key and certificate, where an address needs them. */
async function readTls({ listeners, security }: Config): Promise<TlsKeys | undefined> {
  const { inference, management, metrics, isMetricsServed } = listeners
  const used = [inference, management, ...(isMetricsServed ? [metrics] : [])]
  const isNeeded = used.some(address => address.kind === 'tcp' && address.scheme === 'https')
  return isNeeded ? readTlsKeys(security) : undefined
}
