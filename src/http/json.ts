import type { FastifyReply } from 'fastify'

/** JSON as TorchServe prints it: two spaces of indentation, a newline at the end, no charset. */
export function sendJson(reply: FastifyReply, value: unknown, status = 200): FastifyReply {
  // A Buffer, because Fastify adds a charset to JSON that it gets as text.
  const body = Buffer.from(`${JSON.stringify(value, null, 2)}\n`)
  return reply.code(status).header('content-type', 'application/json').send(body)
}
