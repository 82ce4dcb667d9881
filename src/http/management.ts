import type { FastifyReply, FastifyRequest } from 'fastify'
import { failure } from '../errors.ts'
import type { Model } from '../models/model.ts'
import type { ModelOperations } from '../models/operations.ts'
import type { Registry } from '../models/registry.ts'
import type { App } from './app.ts'
import { describeModel } from './describe-model.ts'
import { describeManagement } from './description.ts'
import { sendJson } from './json.ts'
import { Parameters } from './parameters.ts'

export interface ManagementRoutes {
  readonly registry: Registry
  readonly operations: ModelOperations
  /** Whether models can be registered and unregistered; else those calls answer 405, as TorchServe's do. */
  readonly isRegistrationEnabled: boolean
}

interface Path {
  readonly model: string
  readonly version?: string
}

const MAX_PAGE = 100
/** More processes than this for one model are a slip of the finger. */
const MAX_WORKERS = 1024
const PROCESSING = { status: 'Processing worker updates...' }

/** TorchServe's management API: https://github.com/pytorch/serve/blob/master/docs/management_api.md */
export function addManagementRoutes(app: App, options: ManagementRoutes): void {
  const { registry, operations, isRegistrationEnabled } = options
  const paths = ['/models/:model', '/models/:model/:version']

  app.get('/models', (request, reply) => sendJson(reply, listModels(registry, Parameters.ofQuery(request))))
  app.post('/models', (request, reply) => {
    if (!isRegistrationEnabled) throw failure('METHOD_NOT_ALLOWED')
    return register(operations, Parameters.of(request), reply)
  })
  for (const path of paths) {
    app.get(path, (request, reply) => describe(registry, request, reply))
    app.put(path, (request, reply) => scale(operations, request, reply))
    app.delete(path, async (request, reply) => {
      if (!isRegistrationEnabled) throw failure('METHOD_NOT_ALLOWED')
      const { model, version: named } = request.params as Path
      await operations.unregister(model, named)
      return sendJson(reply, { status: `Model "${model}" unregistered` })
    })
    app.options(path, (request, reply) => {
      const { model, version: named } = request.params as Path
      return sendJson(reply, describeManagement(registry.resolve(model, named)))
    })
  }
  app.put('/models/:model/:version/set-default', (request, reply) => {
    const { model, version: named = '' } = request.params as Path
    operations.setDefault(model, named)
    return sendJson(reply, {
      status: `Default version successfully updated for model "${model}" to "${named}"`,
    })
  })
  // KServe's readiness of one model, which TorchServe has on this port.
  app.get('/v1/models/:model', (request, reply) => {
    const model = registry.resolve((request.params as Path).model, undefined)
    return sendJson(reply, { name: model.name, ready: model.pool.size > 0 })
  })

  app.route({ method: ['PUT', 'DELETE', 'PATCH'], url: '/models', handler: refuseMethod })
  for (const url of paths) app.route({ method: ['POST', 'PATCH'], url, handler: refuseMethod })
}

function refuseMethod(): never {
  throw failure('METHOD_NOT_ALLOWED')
}

async function register(
  operations: ModelOperations,
  given: Parameters,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const url = given.text('url')
  if (url === undefined) throw failure('MISSING_PARAMETER', 'url')
  checkRuntime(given.text('runtime'))
  if (given.flag('s3_sse_kms', false)) {
    throw failure(
      'BAD_REQUEST',
      's3_sse_kms is not supported yet: archives come from the model store, http(s) or file URLs.',
    )
  }
  const { model, ready } = await operations.register({
    url,
    name: given.text('model_name') || undefined,
    handler: given.text('handler') || undefined,
    atStartup: false,
    settings: {
      minWorkers: initialWorkers(given),
      batchSize: atLeast(1, given, 'batch_size'),
      maxBatchDelay: atLeast(0, given, 'max_batch_delay'),
      responseTimeout: atLeast(0, given, 'response_timeout'),
      startupTimeout: atLeast(0, given, 'startup_timeout'),
    },
  })
  const workers = model.settings.minWorkers
  const said = `Model "${model.name}" Version: ${model.version} registered with ${workers} initial workers`
  if (workers === 0) {
    return sendJson(reply, { status: `${said}. Use scale workers API to add workers for the model.` })
  }
  if (!given.flag('synchronous', true)) return sendJson(reply, PROCESSING, 202)
  await ready
  return sendJson(reply, { status: said })
}

async function scale(
  operations: ModelOperations,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const given = Parameters.ofQuery(request)
  const { model: name, version: inPath } = request.params as Path
  const version = inPath ?? given.text('model_version')
  const minWorkers = countOf(given, 'min_worker') ?? 1
  const maxWorkers = given.integer('max_worker') ?? minWorkers
  if (maxWorkers < minWorkers) throw failure('BAD_REQUEST', 'max_worker cannot be less than min_worker.')
  const { done } = operations.scale({ name, version, minWorkers, maxWorkers })
  if (!given.flag('synchronous', false)) return sendJson(reply, PROCESSING, 202)
  await done
  const said = `Workers scaled to ${minWorkers} for model: ${name}`
  return sendJson(reply, { status: version === undefined ? said : `${said}, version: ${version}` })
}

async function describe(
  registry: Registry,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { model: name, version: asked } = request.params as Path
  if (asked === 'all') {
    registry.resolve(name, undefined)
    const versions = registry.all().filter(model => model.name === name)
    return sendJson(reply, versions.map(describeModel))
  }
  const model = registry.resolve(name, asked)
  const customized = Parameters.ofQuery(request).flag('customized', false)
  const metadata = customized ? { customizedMetadata: await askHandler(model, request.id) } : {}
  return sendJson(reply, [{ ...describeModel(model), ...metadata }])
}

/** What the model's handler says of itself; undefined where it says nothing. */
async function askHandler(model: Model, requestId: string): Promise<unknown> {
  if (!model.pool.canServe) throw failure('NO_WORKER_TO_DESCRIBE', model.name)
  const job = { verb: 'describe', item: { requestId, headers: {}, parameters: [] } } as const
  const { answer } = await model.submit(job, undefined, () => false)
  if (!answer.ok) throw failure('PREDICTION_FAILED')
  const text = new TextDecoder().decode(answer.body)
  try {
    const value: unknown = JSON.parse(text)
    return value ?? undefined
  } catch {
    return text
  }
}

/** One page of the default versions, by TorchServe's rules for `limit` and `next_page_token`. */
function listModels(registry: Registry, given: Parameters): Record<string, unknown> {
  const asked = given.integer('limit') ?? MAX_PAGE
  const count = asked < 0 || asked > MAX_PAGE ? MAX_PAGE : asked
  const start = Math.max(0, given.integer('next_page_token') ?? 0)
  const models = registry.defaults()
  const end = start + count
  return {
    // Present also where the page ends exactly at the last model: TorchServe's clients count on it.
    ...(end <= models.length ? { nextPageToken: String(end) } : {}),
    models: models.slice(start, end).map(model => ({ modelName: model.name, modelUrl: model.archive.file })),
  }
}

/** TorchServe's runtimes; none of them changes anything here. */
function checkRuntime(runtime: string | undefined): void {
  if (runtime === undefined || ['python', 'python3', 'LSP'].includes(runtime)) return
  throw failure('BAD_REQUEST', `Invalid RuntimeType value: ${runtime}`)
}

/** A negative number asks for none, as in TorchServe. */
function initialWorkers(given: Parameters): number | undefined {
  const isNegative = (given.integer('initial_workers') ?? 0) < 0
  return isNegative ? 0 : countOf(given, 'initial_workers')
}

/** A number of workers. */
function countOf(given: Parameters, name: string): number | undefined {
  const value = given.integer(name)
  if (value !== undefined && value < 0) throw failure('NEGATIVE_COUNT', name, value)
  if (value !== undefined && value > MAX_WORKERS) {
    throw failure('BAD_REQUEST', `${name} is ${value}; expected ${MAX_WORKERS} at most.`)
  }
  return value
}

function atLeast(least: number, given: Parameters, name: string): number | undefined {
  const value = given.integer(name)
  if (value === undefined || value >= least) return value
  throw failure('BAD_REQUEST', `${name} is ${value}; expected ${least} or more.`)
}
