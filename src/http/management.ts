import type { FastifyReply, FastifyRequest } from 'fastify'
import { failure } from '../errors.ts'
import type { Registry } from '../models/registry.ts'
import type { App } from './app.ts'
import { describeModel } from './describe-model.ts'
import { describeApis } from './description.ts'
import { sendJson } from './json.ts'

export interface ManagementRoutes {
  readonly registry: Registry
  readonly version: string
}

const MAX_PAGE = 100

/** TorchServe's management API: https://github.com/pytorch/serve/blob/master/docs/management_api.md */
export function addManagementRoutes(app: App, { registry, version }: ManagementRoutes): void {
  app.get('/models', (request, reply) => sendJson(reply, listModels(registry, request.query)))

  const describe = (request: FastifyRequest, reply: FastifyReply) => {
    const { model, version: asked } = request.params as { model: string; version?: string }
    const everyVersion = asked === 'all'
    const found = registry.resolve(model, everyVersion ? undefined : asked)
    const shown = everyVersion ? registry.all().filter(({ name }) => name === model) : [found]
    return sendJson(reply, shown.map(describeModel))
  }
  app.get('/models/:model', describe)
  app.get('/models/:model/:version', describe)

  app.options('/', (_request, reply) => sendJson(reply, describeApis('management', version)))
  app.get('/api-description', (_request, reply) => sendJson(reply, describeApis('management', version)))

  for (const url of ['/', '/models', '/models/:model', '/models/:model/:version']) {
    const method =
      url === '/' ? ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'] : ['POST', 'PUT', 'DELETE', 'PATCH']
    app.route({ method, url, handler: refuseMethod })
  }
}

function refuseMethod(): never {
  throw failure('METHOD_NOT_ALLOWED')
}

/** One page of the default versions, by TorchServe's rules for `limit` and `next_page_token`. */
function listModels(registry: Registry, query: unknown): Record<string, unknown> {
  const { limit, next_page_token: token } = query as Record<string, unknown>
  const asked = toInteger(limit, MAX_PAGE)
  const count = asked < 0 || asked > MAX_PAGE ? MAX_PAGE : asked
  const start = Math.max(0, toInteger(token, 0))
  const models = registry.defaults()
  const end = start + count
  return {
    // Present also where the page ends exactly at the last model: TorchServe's clients count on it.
    ...(end <= models.length ? { nextPageToken: String(end) } : {}),
    models: models.slice(start, end).map(model => ({ modelName: model.name, modelUrl: model.archive.file })),
  }
}

/** An integer parameter; what is none falls back to the default, and the first of a repeated one counts. */
function toInteger(value: unknown, fallback: number): number {
  const first: unknown = Array.isArray(value) ? value[0] : value
  return typeof first === 'string' && /^[+-]?\d{1,9}$/.test(first) ? Number(first) : fallback
}
