import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Failure } from '../errors.ts'
import type { Logger } from '../telemetry/logger.ts'
import { fromFramework, type App } from './app.ts'

/**
 * Puts routes into a scope whose errors are KServe's `{"error": text}`, with TorchServe's members beside it: a client of
 * either finds what it looks for.
 */
export function addKserveScope(app: App, logger: Logger, addRoutes: (scope: App) => void): void {
  void app.register((scope, _options, done) => {
    scope.setErrorHandler((thrown, request, reply) => refuse(thrown, { request, reply, logger }))
    addRoutes(scope)
    done()
  })
}

interface Exchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly logger: Logger
}

function refuse(thrown: unknown, { request, reply, logger }: Exchange): FastifyReply {
  const failed = fromFramework(thrown)
  if (failed.code === 'INTERNAL') {
    logger.error('A request failed in a way that is a bug', { err: failed.cause, requestId: request.id })
  }
  if (failed.retryAfterS !== undefined) reply.header('retry-after', String(failed.retryAfterS))
  return sendCompact(reply, describeFailure(failed, request), failed.http)
}

/** A body that is too large is told with the limit, in the words that clients look for. */
function describeFailure({ code, message, http, type, reason }: Failure, { routeOptions }: FastifyRequest) {
  const limit = `It exceeds the maximum allowed ${routeOptions.bodyLimit} bytes.`
  const why = reason ?? (code === 'BODY_TOO_LARGE' ? limit : undefined)
  const more = why === undefined ? {} : { reason: why }
  return { error: why === undefined ? message : `${message} ${why}`, code: http, type, message, ...more }
}

/** JSON in one line, as the Open Inference Protocol's servers print it. */
export function sendCompact(reply: FastifyReply, value: unknown, status = 200): FastifyReply {
  // A Buffer, because Fastify adds a charset to JSON that it gets as text.
  return reply
    .code(status)
    .header('content-type', 'application/json')
    .send(Buffer.from(JSON.stringify(value)))
}
