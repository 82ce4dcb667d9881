import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RuntimeSettings } from '../inference/runtime-settings.ts'
import type { Logger } from '../telemetry/logger.ts'
import { refuseMethods } from './allowed-methods.ts'
import type { App } from './app.ts'
import { addKserveScope } from './kserve-errors.ts'
import { sendCompact } from './kserve-failure.ts'
import { readObject } from './kserve-v2.ts'

export interface SettingsRoutes {
  readonly settings: RuntimeSettings
  readonly logger: Logger
}

/**
 * The Open Inference Protocol's logging and trace extensions: part of the management API, behind what protects that.
 * What can be changed is for RuntimeSettings to say.
 */
export function addSettingsRoutes(app: App, { settings, logger }: SettingsRoutes): void {
  addKserveScope(app, logger, scope => {
    both(scope, '/v2/logging', request =>
      request.method === 'POST' ? settings.updateLog(readObject(request.body)) : settings.readLog(),
    )
    for (const url of ['/v2/trace/setting', '/v2/models/:model/trace/setting']) {
      both(scope, url, request =>
        request.method === 'POST'
          ? settings.updateTrace(readObject(request.body), modelOf(request))
          : settings.readTrace(modelOf(request)),
      )
    }
  })
}

function modelOf(request: FastifyRequest): string | undefined {
  return (request.params as { model?: string }).model
}

function both(scope: App, url: string, answer: (request: FastifyRequest) => unknown): void {
  const handler = (request: FastifyRequest, reply: FastifyReply) => sendCompact(reply, answer(request))
  scope.route({ method: ['GET', 'HEAD'], url, handler })
  scope.route({ method: 'POST', url, handler })
  refuseMethods(scope, url, ['PUT', 'PATCH', 'DELETE', 'OPTIONS'])
}
