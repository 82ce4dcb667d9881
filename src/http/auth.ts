import type { onRequestHookHandler } from 'fastify'
import { toRenewable, type Keys, type RenewableKind } from '../auth.ts'
import type { App } from './app.ts'

/** A hook that lets a request pass only with the key of this kind; TorchServe answers 400 without it, not 401. */
export function requireKey(keys: Keys, kind: RenewableKind): onRequestHookHandler {
  return (request, _reply, done) => {
    keys.check(kind, request.headers.authorization)
    done()
  }
}

/** `/token?type=inference|management`: renews that key. The new one is not in the answer but in the key file. */
export function addTokenRoute(app: App, keys: Keys): void {
  app.route({
    method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    url: '/token',
    handler: async (request, reply) => {
      keys.check('API', request.headers.authorization)
      const { type } = request.query as Readonly<Record<string, unknown>>
      await keys.renew(toRenewable(Array.isArray(type) ? type[0] : type))
      // As bytes, because Fastify adds a charset to JSON that it gets as text.
      return reply.header('content-type', 'application/json').send(Buffer.from('\n'))
    },
  })
}
