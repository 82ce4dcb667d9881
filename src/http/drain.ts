import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'

/**
 * Lets an app close as soon as every request has been answered. By itself it would wait for connections that a client
 * keeps for later, and for those over which nothing was ever sent.
 */
export function drainOnClose(app: FastifyInstance): void {
  const open = new Set<ServerResponse>()
  let closing = false
  const cut = () => {
    if (closing && open.size === 0) app.server.closeAllConnections()
  }
  app.server.on('request', (_request: IncomingMessage, response: ServerResponse) => {
    open.add(response)
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
