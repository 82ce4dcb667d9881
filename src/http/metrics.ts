import type { Metrics } from '../telemetry/metrics.ts'
import type { App } from './app.ts'

export interface MetricsRoutes {
  readonly metrics: Metrics
}

/** The page that Prometheus scrapes; `name[]` picks samples by name, and may be repeated. */
export function addMetricsRoutes(app: App, { metrics }: MetricsRoutes): void {
  app.route({
    method: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    url: '/metrics',
    handler: async (request, reply) => {
      const { 'name[]': names } = request.query as Record<string, string | string[] | undefined>
      const wanted = names === undefined ? undefined : [names].flat()
      const { contentType, text } = await metrics.render(wanted)
      // As bytes, so that Fastify leaves the content type as it is.
      return reply.header('content-type', contentType).send(Buffer.from(text))
    },
  })
}
