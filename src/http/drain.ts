import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { OpenRequests } from './open-requests.ts'

/**
 * Lets an app close as soon as every request has been answered. By itself it would wait for connections that a client
 * keeps for later, and for those over which nothing was ever sent. From `draining` on each answer ends its connection,
 * so that clients come back elsewhere.
 */
export function drainOnClose(app: FastifyInstance, open: OpenRequests, draining?: AbortSignal): void {
  let closing = false
  const cut = () => {
    if (closing && open.size === 0) app.server.closeAllConnections()
  }
  open.onGone = cut
  app.server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
    if (draining?.aborted === true) response.shouldKeepAlive = false
  })
  app.addHook('preClose', done => {
    closing = true
    cut()
    done()
  })
}
