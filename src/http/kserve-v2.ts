import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { failure } from '../errors.ts'
import { findModel, modelConfig, modelMetadata, modelReadiness } from '../inference/model-metadata.ts'
import type { Predictor } from '../inference/predictor.ts'
import type { Readiness } from '../inference/readiness.ts'
import type { Registry } from '../models/registry.ts'
import type { Repository } from '../models/repository.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Envelope } from '../worker/protocol.ts'
import { refuseMethods } from './allowed-methods.ts'
import type { App } from './app.ts'
import { refuseEarly } from './early-refusal.ts'
import { inferOverHttp, type InferOptions } from './infer.ts'
import { addKserveScope } from './kserve-errors.ts'
import { sendCompact } from './kserve-failure.ts'
import { predictOverHttp } from './kserve-v1.ts'

export interface OpenInferenceRoutes extends InferOptions {
  readonly predictor: Predictor
  readonly registry: Registry
  readonly repository: Repository
  readonly readiness: Readiness
  readonly logger: Logger
  readonly envelope: Envelope | undefined
  /** What `/v2` says of the server. */
  readonly serverName: string
  readonly serverVersion: string
  /** Whether requests have to come with a key: the documents of models say so. */
  readonly isKeyNeeded: boolean
}

interface Path {
  readonly model: string
  readonly version?: string
}

export const EXTENSIONS = [
  'binary_tensor_data',
  'classification',
  'logging',
  'model_configuration',
  'model_repository',
  'parameters',
  'statistics',
  'trace',
]

/**
 * The Open Inference Protocol: https://github.com/kserve/open-inference-protocol. Where servers differ, what any of their
 * clients can read: bodies where one has them, any text as a version, HTTP 503 for what is not ready.
 */
export function addOpenInferenceRoutes(app: App, options: OpenInferenceRoutes): void {
  addKserveScope(app, options.logger, scope => {
    addServerRoutes(scope, options)
    for (const base of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
      addModelRoutes(scope, base, options)
    }
    scope.route({
      method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'],
      url: '/v2/*',
      handler: () => {
        throw failure('ROUTE_NOT_FOUND')
      },
    })
  })
}

function addServerRoutes(
  scope: App,
  { registry, repository, predictor, readiness, ...options }: OpenInferenceRoutes,
): void {
  const { serverName: name, serverVersion: version } = options
  get(scope, '/v2', reply => sendCompact(reply, { name, version, extensions: EXTENSIONS }))
  get(scope, '/v2/health/live', reply => sendCompact(reply, { live: true }))
  get(scope, '/v2/health/ready', reply => {
    if (readiness.isReady()) return sendCompact(reply, { ready: true })
    const why = readiness.draining.aborted
      ? 'The server is shutting down.'
      : 'Not every model has a worker that is up.'
    return sendCompact(reply, { ready: false, error: why }, 503)
  })
  get(scope, '/v2/models', reply =>
    sendCompact(reply, { models: [...new Set(registry.all().map(model => model.name))] }),
  )
  get(scope, '/v2/models/stats', reply => sendCompact(reply, { model_stats: predictor.statistics() }))
  for (const url of ['/v2/repository/index', '/v2/repository/:repository/index']) {
    post(scope, url, async (request, reply) => {
      const { ready } = readObject(request.body)
      const entries = await repository.index()
      return sendCompact(reply, ready === true ? entries.filter(({ state }) => state === 'READY') : entries)
    })
  }
}

function addModelRoutes(scope: App, base: string, options: OpenInferenceRoutes): void {
  const { registry, predictor } = options
  get(scope, base, (reply, request) =>
    sendCompact(reply, modelMetadata(registry, of(request).model, of(request).version)),
  )
  get(scope, `${base}/ready`, (reply, request) => {
    const { model, version } = of(request)
    const { ready, reason } = modelReadiness(registry, model, version)
    return sendCompact(reply, { name: model, ready, ...(ready ? {} : { error: reason }) }, ready ? 200 : 503)
  })
  get(scope, `${base}/config`, (reply, request) =>
    sendCompact(reply, modelConfig(registry, of(request).model, of(request).version)),
  )
  get(scope, `${base}/openapi.json`, async (reply, request) => {
    // Loaded when somebody asks: a start does without.
    const { describeModelApi } = await import('./openapi/model-document.ts')
    const { model: name, version } = of(request)
    const { isKeyNeeded } = options
    const model = findModel(registry, name, version)
    return sendCompact(
      reply,
      describeModelApi({ registry, model, isVersionNamed: version !== undefined, isKeyNeeded }),
    )
  })
  get(scope, `${base}/stats`, (reply, request) => {
    const { model, version } = of(request)
    return sendCompact(reply, { model_stats: predictor.statistics(model, version) })
  })
  const infer: Answer = (request, reply) => {
    const { model, version } = of(request)
    const { envelope } = options
    // TorchServe's way: the handler gets what is in the request.
    if (envelope === 'kservev2') {
      return predictOverHttp(predictor, { request, reply, model, version, verb: 'predict', envelope })
    }
    return inferOverHttp(options, { request, reply, model, version })
  }
  post(scope, `${base}/infer`, infer, {
    onRequest: refuseEarly({ predictor, registry, verb: 'infer' }),
  })
  for (const call of ['generate', 'generate_stream', 'infer_stream']) {
    post(scope, `${base}/${call}`, request => {
      findModel(registry, of(request).model, of(request).version)
      throw failure('NOT_SERVED', `${call} is not served; send tensors to infer`)
    })
  }
}

function of(request: FastifyRequest): Path {
  return request.params as Path
}

type Answer = (request: FastifyRequest, reply: FastifyReply) => unknown

/** A path for one method; others are refused as such. */
function get(
  scope: App,
  url: string,
  answer: (reply: FastifyReply, request: FastifyRequest) => unknown,
): void {
  scope.route({ method: ['GET', 'HEAD'], url, handler: (request, reply) => answer(reply, request) })
  refuseMethods(scope, url, ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
}

interface PostOptions {
  readonly isSwitchedOff?: boolean
  /** Comes before the body is read. */
  readonly onRequest?: onRequestHookHandler
}

export function post(scope: App, url: string, handler: Answer, options: PostOptions = {}): void {
  const { isSwitchedOff = false, onRequest } = options
  const first = onRequest === undefined ? [] : [onRequest]
  scope.route({ method: 'POST', url, config: { isRefused: isSwitchedOff }, onRequest: first, handler })
  refuseMethods(scope, url, ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
}

/** A small JSON object as the body; none is an empty one. Throws BAD_REQUEST. */
export function readObject(body: unknown): Readonly<Record<string, unknown>> {
  if (!(body instanceof Uint8Array) || body.length === 0) return {}
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(body).toString('utf8'))
  } catch {
    value = undefined
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>
  }
  throw failure('BAD_REQUEST', 'failed to parse the request JSON: expected an object')
}
