import type { FastifyReply, FastifyRequest } from 'fastify'
import { failure } from '../errors.ts'
import type { Predictor } from '../inference/predictor.ts'
import type { Registry } from '../models/registry.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Envelope } from '../worker/protocol.ts'
import { UNTYPED, type App } from './app.ts'
import { toItem } from './body.ts'
import { clientGone } from './client-gone.ts'
import { addKserveScope } from './kserve-errors.ts'
import { sendCompact } from './kserve-failure.ts'

export interface KserveRoutes {
  readonly predictor: Predictor
  readonly registry: Registry
  readonly logger: Logger
  /** The one that is configured for all predictions. */
  readonly envelope: Envelope | undefined
}

const VERBS: Readonly<Record<string, 'predict' | 'explain'>> = { predict: 'predict', explain: 'explain' }

/**
 * KServe's first protocol: `instances` in, `predictions` out; a body without them goes to the handler as it is, which is
 * what TorchServe does without an envelope.
 */
export function addKserveV1Routes(app: App, options: KserveRoutes): void {
  const { registry, logger, predictor } = options
  addKserveScope(app, logger, scope => {
    scope.get('/v1/models', (_request, reply) =>
      sendCompact(reply, { models: [...new Set(registry.all().map(({ name }) => name))] }),
    )
    // The management API has it too, maybe behind the same door.
    if (!scope.hasRoute({ method: 'GET', url: '/v1/models/:model' })) {
      scope.get('/v1/models/:model', (request, reply) => {
        const { name, pool } = registry.resolve((request.params as { model: string }).model, undefined)
        return sendCompact(reply, { name, ready: pool.readyCount > 0 })
      })
    }
    scope.route({
      method: ['POST', 'PUT', 'PATCH'],
      url: '/v1/models/:model',
      handler: (request, reply) => predictTarget(options, request, reply),
    })
    scope.post('/v2/models/:model/explain', (request, reply) => {
      const { model } = request.params as { model: string }
      return predictOverHttp(predictor, {
        request,
        reply,
        model,
        verb: 'explain',
        envelope: options.envelope,
      })
    })
  })
}

/** `name:verb`. */
function predictTarget(
  options: KserveRoutes,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const target = (request.params as { model: string }).model
  const colon = target.lastIndexOf(':')
  const verb = VERBS[target.slice(colon + 1)]
  if (colon < 1 || verb === undefined) throw failure('ROUTE_NOT_FOUND')
  const envelope = options.envelope ?? 'kserve'
  return predictOverHttp(options.predictor, { request, reply, model: target.slice(0, colon), verb, envelope })
}

export interface PredictExchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly model: string
  readonly version?: string | undefined
  readonly verb: 'predict' | 'explain'
  readonly envelope: Envelope | undefined
}

/** A handler's answer to a request in an envelope. */
export async function predictOverHttp(
  predictor: Predictor,
  exchange: PredictExchange,
): Promise<FastifyReply> {
  const { request, reply, model, version, verb, envelope } = exchange
  const bare = await toItem(request, { explain: verb === 'explain' })
  const item = envelope === undefined ? bare : { ...bare, envelope }
  const answer = await predictor.predict({ model, version, verb, item, isGone: clientGone(request) })
  return reply
    .code(answer.status)
    .headers({ ...answer.headers, 'content-type': answer.contentType || UNTYPED })
    .send(answer.body)
}
