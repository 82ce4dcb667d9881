import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from '../telemetry/logger.ts'
import type { App } from './app.ts'
import { fromFramework } from './framework-failure.ts'
import { sendKserveFailure } from './kserve-failure.ts'

/** Puts routes into a scope whose errors are KServe's. */
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
  const failed = fromFramework(thrown, request)
  if (failed.code === 'INTERNAL') {
    logger.error('A request failed in a way that is a bug', { err: failed.cause, requestId: request.id })
  }
  return sendKserveFailure(failed, request, reply)
}
