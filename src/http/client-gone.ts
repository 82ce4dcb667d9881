import type { FastifyRequest } from 'fastify'

/**
 * Whether the client has left. Not `request.signal`: that also fires once the body has been read. The socket is gone
 * exactly when nobody can be answered.
 */
export function clientGone(request: FastifyRequest): () => boolean {
  const { socket } = request.raw
  return () => socket.destroyed
}
