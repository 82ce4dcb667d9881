import { refuseMethods } from './allowed-methods.ts'
import type { App } from './app.ts'
import { describeApis, type ApiKind } from './description.ts'
import { sendJson } from './json.ts'

const OTHER_METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

/** The description of the APIs behind one address: `OPTIONS /` and, as older clients ask, `/api-description`. */
export function addDescriptionRoutes(app: App, kinds: readonly ApiKind[], version: string): void {
  const document = describeApis(kinds, version)
  app.options('/', (_request, reply) => sendJson(reply, document))
  app.route({
    method: OTHER_METHODS,
    url: '/api-description',
    handler: (_request, reply) => sendJson(reply, document),
  })
  refuseMethods(app, '/', OTHER_METHODS)
}
