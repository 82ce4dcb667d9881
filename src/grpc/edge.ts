import type { ByteBudget } from '../byte-budget.ts'
import type { Predictor } from '../inference/predictor.ts'
import type { Readiness } from '../inference/readiness.ts'
import type { Management } from '../models/management.ts'
import type { RuntimeSettings } from '../inference/runtime-settings.ts'
import type { Registry } from '../models/registry.ts'
import type { Repository } from '../models/repository.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { CallRules } from './call.ts'
import { healthService } from './health.ts'
import { inferenceService } from './inference.ts'
import { managementService } from './management.ts'
import { serve, type Served } from './methods.ts'
import { openInferenceElsewhere, openInferenceManagingService } from './open-inference-managing.ts'
import { openInferenceService, type OpenInferenceParts } from './open-inference.ts'
import { reflectionService } from './reflection.ts'
import {
  openGrpcServer,
  type GrpcLimits,
  type GrpcListener,
  type GrpcServerOptions,
  type OpenGrpcServer,
} from './server.ts'
import { fullName } from './service.ts'
import { GRPCInferenceService, TorchServeGRPCInferenceService } from './services-open-inference.ts'
import { Health, ServerReflection, ServerReflectionAlpha } from './services-standard.ts'
import { InferenceAPIsService, ManagementAPIsService } from './services-torchserve.ts'

type GrpcApi = 'inference' | 'management'

export interface GrpcOptions {
  /** Where each API listens; those with one address share a listener. */
  readonly listeners: Readonly<Record<GrpcApi, GrpcListener>>
  /** Bytes of a request. */
  readonly maxRequestSize: number
  readonly limits: GrpcLimits
  /** What all messages together may take. */
  readonly budget: ByteBudget
  /** Bytes of a worker's answer. */
  readonly maxResponseSize: number
  readonly tls: GrpcServerOptions['tls']
  readonly logger: Logger
  readonly identity: OpenInferenceParts['identity']
  readonly predictor: Predictor
  readonly registry: Registry
  readonly readiness: Readiness
  readonly management: Management
  readonly repository: Repository
  readonly settings: RuntimeSettings
  readonly isRegistrationEnabled: boolean
  /** What calls in flight get at the end, before their connections are cut. */
  readonly drainMs: number
  /** Throws INVALID_KEY where the metadata `authorization` lacks the key that the API needs. */
  readonly checkKey: CallRules['checkKey']
}

/** The gRPC APIs while they are served. */
export interface GrpcEdge {
  /** Address of each API as clients take it: `127.0.0.1:7070`. */
  readonly addresses: Readonly<Record<GrpcApi, string>>
  /** Lets nobody in any more, and returns once everybody has been answered, or the time for that is over. */
  close(): Promise<void>
}

/** Serves the gRPC APIs. Throws BAD_CONFIG where an address cannot be had. */
export async function startGrpc(options: GrpcOptions): Promise<GrpcEdge> {
  const stopping = new AbortController()
  const { inference, management } = options.listeners
  const isShared =
    inference.host === management.host && inference.port === management.port && inference.port !== 0
  const apis: readonly (readonly GrpcApi[])[] = isShared
    ? [['inference', 'management']]
    : [['inference'], ['management']]
  const open = new Map<GrpcApi, OpenGrpcServer>()
  const close = async () => {
    stopping.abort()
    await Promise.all([...new Set(open.values())].map(server => server.close(options.drainMs)))
  }
  try {
    for (const group of apis) {
      const server = await openListener(group, options, stopping.signal)
      for (const api of group) open.set(api, server)
    }
  } catch (error) {
    await close()
    throw error
  }
  const addressOf = (api: GrpcApi) => open.get(api)?.address ?? ''
  return { addresses: { inference: addressOf('inference'), management: addressOf('management') }, close }
}

function openListener(
  apis: readonly GrpcApi[],
  options: GrpcOptions,
  stopping: AbortSignal,
): Promise<OpenGrpcServer> {
  const served = apis.flatMap(api => (api === 'inference' ? inferenceApi(options) : managementApi(options)))
  if (!apis.includes('management')) served.push(...elsewhere(options))
  const { logger, maxRequestSize, tls, listeners, readiness } = options
  const rules = { api: undefined, wording: 'plain', logger, checkKey: options.checkKey } as const
  // One service may be served in several parts.
  const services = [...new Set(served.map(({ service }) => service))]
  const names = services.map(fullName)
  const health = healthService({ services: names, readiness, stopping })
  const reflection = reflectionService([...services, Health, ServerReflection, ServerReflectionAlpha])
  return openGrpcServer({
    listener: listeners[apis[0] ?? 'inference'],
    services: [
      ...served,
      serve(Health, health, rules),
      serve(ServerReflection, reflection, rules),
      serve(ServerReflectionAlpha, reflection, rules),
    ],
    maxRequestSize,
    limits: options.limits,
    budget: options.budget,
    tls,
    logger,
    stopping,
  })
}

function inferenceApi(options: GrpcOptions): Served[] {
  const { logger, checkKey } = options
  const rules = { api: 'inference', logger, checkKey } as const
  const openInference = openInferenceService(options)
  return [
    serve(InferenceAPIsService, inferenceService(options), { ...rules, wording: 'inference' }),
    serve(GRPCInferenceService, openInference, { ...rules, wording: 'plain' }),
    serve(TorchServeGRPCInferenceService, openInference, { ...rules, wording: 'inference' }),
  ]
}

function managementApi(options: GrpcOptions): Served[] {
  const { logger, checkKey } = options
  const rules = { api: 'management', logger, checkKey } as const
  const openInference = openInferenceManagingService(options)
  return [
    serve(ManagementAPIsService, managementService(options), { ...rules, wording: 'management' }),
    serve(GRPCInferenceService, openInference, { ...rules, wording: 'plain' }),
    serve(TorchServeGRPCInferenceService, openInference, { ...rules, wording: 'management' }),
  ]
}

/** The part of the Open Inference Protocol that belongs to management, where that has an address of its own. */
function elsewhere({ logger, checkKey }: GrpcOptions): Served[] {
  const rules = { api: 'inference', wording: 'plain', logger, checkKey } as const
  const refusing = openInferenceElsewhere()
  return [GRPCInferenceService, TorchServeGRPCInferenceService].map(service =>
    serve(service, refusing, rules),
  )
}
