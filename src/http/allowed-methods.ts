import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify'
import { failure, type Failure } from '../errors.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** True for a method that a path is known to have not, or that the configuration switches off. */
    readonly isRefused?: boolean
  }
}

/** Which methods the paths of one app have. */
export class AllowedMethods {
  readonly #byPath = new Map<string, Set<string>>()

  /** To be made before the routes that it is to know. */
  constructor(app: FastifyInstance) {
    app.addHook('onRoute', ({ url, method, config }) => {
      if (config?.isRefused === true) return
      const methods = this.#byPath.get(url) ?? new Set()
      for (const one of [method].flat()) methods.add(one)
      this.#byPath.set(url, methods)
    })
  }

  /** For the header Allow, which every 405 has: https://www.rfc-editor.org/rfc/rfc9110#section-15.5.6 */
  of({ routeOptions }: FastifyRequest): string {
    return [...(this.#byPath.get(routeOptions.url ?? '') ?? [])].toSorted().join(', ')
  }
}

/** Makes a path answer 405 to these methods, which it has not. */
export function refuseMethods(app: FastifyInstance, url: string, method: readonly HTTPMethods[]): void {
  app.route({
    method: [...method],
    url,
    config: { isRefused: true },
    handler: () => {
      throw failure('METHOD_NOT_ALLOWED')
    },
  })
}

/** The headers of a failure. */
export function addFailureHeaders(
  { http, retryAfterS }: Failure,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  if (retryAfterS !== undefined) reply.header('retry-after', String(retryAfterS))
  if (http === 405) reply.header('allow', request.server.allowedMethods.of(request))
}
