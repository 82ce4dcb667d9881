import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { failure } from '../errors.ts'
import type { Call, Predictor } from '../inference/predictor.ts'
import type { Registry } from '../models/registry.ts'
import type { Envelope } from '../worker/protocol.ts'
import type { App } from './app.ts'
import { textParameter, toItem, type ItemOptions } from './body.ts'
import { clientGone } from './client-gone.ts'
import { describePredictions } from './description.ts'
import { refuseEarly } from './early-refusal.ts'
import { sendJson } from './json.ts'
import { sendBytes } from './send-bytes.ts'

export interface InferenceRoutes {
  readonly predictor: Predictor
  readonly registry: Registry
  /** The form of every prediction's body, where one is configured. */
  readonly envelope?: Envelope | undefined
}

/** TorchServe does not check the method of a prediction: `curl -T` sends PUT. OPTIONS has a meaning of its own. */
const ANY_METHOD = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

interface Path {
  readonly model: string
  readonly version?: string
  /** What follows the version. */
  readonly '*'?: string
}

const WITH_QUERY: ItemOptions = { withQuery: true }

type Target = Pick<Path, 'model' | 'version'>

/** TorchServe's inference API: https://github.com/pytorch/serve/blob/master/docs/inference_api.md */
export function addInferenceRoutes(app: App, { predictor, registry, envelope }: InferenceRoutes): void {
  const any = (
    url: string,
    handler: (request: FastifyRequest, reply: FastifyReply) => unknown,
    onRequest: onRequestHookHandler[] = [],
  ) => app.route({ method: ANY_METHOD, url, onRequest, handler })

  const answer = async (
    request: FastifyRequest,
    reply: FastifyReply,
    { target, verb, item: options }: { target?: Target; verb: Call['verb']; item: ItemOptions },
  ) => {
    const read = toItem(request, options)
    const bare = 'then' in read ? await read : read
    const item = envelope === undefined ? bare : { ...bare, envelope }
    const { model, version: asked } = target ?? {
      model: invoked(textParameter(item, 'model_name'), registry),
    }
    const call = { model, version: asked, verb, item, isGone: clientGone(request) }
    const { status, contentType, headers, body } = await predictor.predict(call)
    return sendBytes(request, reply, { status, contentType, headers, pieces: [body] })
  }

  any('/ping', (_request, reply) => ping(registry, reply))

  for (const [route, verb] of [
    ['predictions', 'predict'],
    ['explanations', 'explain'],
  ] as const) {
    const explain = verb === 'explain'
    const handler = (request: FastifyRequest, reply: FastifyReply) => {
      const target = request.params as Path
      return answer(request, reply, { target, verb, item: { urlPath: target['*'] ?? '', explain } })
    }
    const early = refuseEarly({ predictor, registry, verb })
    for (const url of ['', '/:version', '/:version/*']) any(`/${route}/:model${url}`, handler, [early])
  }

  // SageMaker's routes, and TorchServe's first ones: the query is for the handler.
  any('/invocations', (request, reply) => answer(request, reply, { verb: 'predict', item: WITH_QUERY }))
  for (const url of ['/models/:model/invoke', '/:model/predict', '/:model/:version/predict']) {
    any(url, (request, reply) =>
      answer(request, reply, { target: request.params as Path, verb: 'predict', item: WITH_QUERY }),
    )
  }

  app.options('/predictions/:model', (request, reply) => {
    const { model } = request.params as Path
    return sendJson(reply, describePredictions(registry.resolve(model, undefined)))
  })
}

/** Healthy as TorchServe has it: no readiness; a model that still loads is healthy, one that was given up is not. */
function ping(registry: Registry, reply: FastifyReply): FastifyReply {
  const healthy = registry.defaults().every(model => model.isHealthy())
  return sendJson(reply, { status: healthy ? 'Healthy' : 'Unhealthy' }, healthy ? 200 : 500)
}

/** The model of an /invocations request: the named one, else the only one that was loaded at start-up. */
function invoked(named: string | undefined, registry: Registry): string {
  if (named !== undefined) return named
  const names = new Set(registry.all().flatMap(model => (model.loadedAtStartup ? [model.name] : [])))
  const [only] = names
  if (only === undefined || names.size > 1) throw failure('BAD_REQUEST', 'Parameter model_name is required.')
  return only
}
