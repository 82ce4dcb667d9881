import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'

/**
 * Lets an app close as soon as every request has been answered. By itself it would wait for connections that a client
 * keeps for later, and for those over which nothing was ever sent. From `draining` on each answer ends its connection,
 * so that clients come back elsewhere.
 */
export function drainOnClose(app: FastifyInstance, draining?: AbortSignal): void {
  const open = new Set<ServerResponse>()
  let closing = false
  const cut = () => {
    if (closing && open.size === 0) app.server.closeAllConnections()
  }
  // Before Fastify's own listener, which may have answered when it returns.
  app.server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
    open.add(response)
    if (draining?.aborted === true) response.shouldKeepAlive = false
    response.once('close', () => {
      open.delete(response)
      cut()
    })
  })
  app.addHook('preClose', done => {
    closing = true
    cut()
    done()
  })
}
