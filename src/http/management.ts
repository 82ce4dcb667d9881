import type { FastifyReply, FastifyRequest } from 'fastify'
import { failureWith, type Failure } from '../errors.ts'
import type { Management, Said } from '../models/management.ts'
import type { Registry } from '../models/registry.ts'
import { refuseMethods } from './allowed-methods.ts'
import type { App } from './app.ts'
import { describeManagement } from './description.ts'
import { sendJson } from './json.ts'
import { Parameters } from './parameters.ts'

export interface ManagementRoutes {
  readonly registry: Registry
  readonly management: Management
  /** Whether models can be registered and unregistered; else those calls answer 405, as TorchServe's do. */
  readonly isRegistrationEnabled: boolean
}

interface Path {
  readonly model: string
  readonly version?: string
}

/** TorchServe's management API: https://github.com/pytorch/serve/blob/master/docs/management_api.md */
export function addManagementRoutes(app: App, options: ManagementRoutes): void {
  const { registry, management, isRegistrationEnabled } = options
  const paths = ['/models/:model', '/models/:model/:version']

  app.get('/models', (request, reply) => {
    const given = Parameters.ofQuery(request)
    return sendJson(reply, management.list(given.integer('limit'), given.integer('next_page_token')))
  })
  const config = { isRefused: !isRegistrationEnabled }
  app.post('/models', { config }, (request, reply) => {
    if (!isRegistrationEnabled) throw switchedOff()
    return register(management, Parameters.of(request), reply)
  })
  for (const path of paths) {
    app.get(path, (request, reply) => describe(management, request, reply))
    app.put(path, (request, reply) => scale(management, request, reply))
    app.delete(path, { config }, async (request, reply) => {
      if (!isRegistrationEnabled) throw switchedOff()
      const { model, version: named } = request.params as Path
      return say(reply, await management.unregister(model, named))
    })
    app.options(path, (request, reply) => {
      const { model, version: named } = request.params as Path
      return sendJson(reply, describeManagement(registry.resolve(model, named)))
    })
  }
  app.put('/models/:model/:version/set-default', async (request, reply) => {
    const { model, version: named = '' } = request.params as Path
    return say(reply, await management.setDefault(model, named))
  })
  // KServe's readiness of one model, which TorchServe has on this port.
  const isThere = app.hasRoute({ method: 'GET', url: '/v1/models/:model' }) // Behind the same door.
  if (!isThere)
    app.get('/v1/models/:model', (request, reply) => {
      const model = registry.resolve((request.params as Path).model, undefined)
      return sendJson(reply, { name: model.name, ready: model.pool.size > 0 })
    })

  refuseMethods(app, '/models', ['PUT', 'DELETE', 'PATCH', 'OPTIONS'])
  for (const path of paths) refuseMethods(app, path, ['POST', 'PATCH'])
}

function switchedOff(): Failure {
  const reason = 'Set enable_model_api=true to register and unregister models.'
  return failureWith({ reason }, 'METHOD_NOT_ALLOWED')
}

async function register(
  management: Management,
  given: Parameters,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const said = await management.register({
    url: given.text('url'),
    modelName: given.text('model_name'),
    handler: given.text('handler'),
    runtime: given.text('runtime'),
    s3SseKms: given.flag('s3_sse_kms', false),
    initialWorkers: given.integer('initial_workers'),
    batchSize: given.integer('batch_size'),
    maxBatchDelay: given.integer('max_batch_delay'),
    responseTimeout: given.integer('response_timeout'),
    startupTimeout: given.integer('startup_timeout'),
    synchronous: given.flag('synchronous', true),
  })
  return say(reply, said)
}

async function scale(
  management: Management,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const given = Parameters.ofQuery(request)
  const { model: name, version } = request.params as Path
  const said = await management.scale({
    name,
    version: version ?? given.text('model_version'),
    minWorkers: given.integer('min_worker'),
    maxWorkers: given.integer('max_worker'),
    synchronous: given.flag('synchronous', false),
  })
  return say(reply, said)
}

async function describe(
  management: Management,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { model: name, version: asked } = request.params as Path
  const customized = Parameters.ofQuery(request).flag('customized', false)
  return sendJson(reply, await management.describe(name, asked, { customized, requestId: request.id }))
}

function say(reply: FastifyReply, { status, isDone }: Said): FastifyReply {
  return sendJson(reply, { status }, isDone ? 200 : 202)
}
