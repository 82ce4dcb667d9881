import type { FastifyReply } from 'fastify'
import type { Readiness } from '../inference/readiness.ts'
import { refuseMethods } from './allowed-methods.ts'
import type { App } from './app.ts'
import { sendJson } from './json.ts'

export interface HealthRoutes {
  readonly readiness: Readiness
  /** Whether everybody may know which models there are, and how they are. */
  readonly isDetailed: boolean
}

/**
 * What a platform asks before it sends requests, or starts the server anew: https://kubernetes.io/docs/concepts/
 * configuration/liveness-readiness-startup-probes/. Probes have no keys, so none is needed here.
 */
export function addHealthRoutes(app: App, { readiness, isDetailed }: HealthRoutes): void {
  get(app, '/health/live', reply => sendJson(reply, { live: true }))
  get(app, '/health/ready', reply => {
    const { reasons, warnings, models, ...state } = readiness.report()
    return sendJson(
      reply,
      isDetailed ? { ...state, reasons, warnings, models } : state,
      state.ready ? 200 : 503,
    )
  })
}

function get(app: App, url: string, answer: (reply: FastifyReply) => unknown): void {
  app.route({ method: ['GET', 'HEAD'], url, handler: (_request, reply) => answer(reply) })
  refuseMethods(app, url, ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
}
