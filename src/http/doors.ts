import assert from 'node:assert/strict'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Access } from './access.ts'
import { addDescriptionRoutes } from './api-description.ts'
import { createApp, type App, type AppOptions } from './app.ts'
import type { ApiKind } from './description.ts'
import { listen, type Binding } from './listen.ts'
import { sendCompact } from './kserve-failure.ts'
import { addDocsPage } from './openapi/page.ts'
import type { ServedDoor } from './openapi/server-document.ts'
import { isLocal } from './origin.ts'
import type { TlsKeys } from './tls.ts'

export interface DoorsOptions {
  /** Where each API listens; those with equal texts share a door. */
  readonly listeners: Readonly<Record<ApiKind, Binding & { readonly text: string }>>
  readonly app: Omit<AppOptions, 'tls'>
  readonly access: Access
  /** Key and certificate of the https listeners; undefined where there are none. */
  readonly tls: TlsKeys | undefined
  readonly version: string
  /** Where there is a page that shows the API; `by address`: on those that only this machine reaches. */
  readonly docsPage: 'always' | 'by address' | 'never'
  /** What requests in flight get at the end, before their connections are cut. */
  readonly drainMs: number
}

/** Address of each API as it can be used; metrics is undefined where it is off. */
export interface Addresses {
  readonly inference: string
  readonly management: string
  readonly metrics: string | undefined
}

/** The listeners with the APIs behind them. APIs are added first, then all doors open at once. */
export class Doors {
  readonly #options: DoorsOptions
  readonly #apps = new Map<ApiKind, App>()

  constructor(options: DoorsOptions) {
    this.#options = options
  }

  /** Puts an API behind its door, and what protects it before it; `addOpen` adds what needs no key. */
  add(api: ApiKind, addRoutes: (app: App) => void, addOpen?: (app: App) => void): void {
    const app = this.#appFor(api)
    this.#apps.set(api, app)
    this.#options.access.addApi(app, api, addRoutes, addOpen)
  }

  /** Binds every address. What is then thrown, such as a port in use, leaves closing to the caller. */
  async open(): Promise<Addresses> {
    const { listeners, version, access } = this.#options
    const bound = new Map<App, string>()
    for (const [app, behind] of Map.groupBy(this.#apps, ([, door]) => door)) {
      const apis = Array.from(behind, ([api]) => api)
      addDescriptionRoutes(app, apis, version)
      this.#addDocuments(app, apis, bound)
      const [first] = apis
      if (first !== undefined) bound.set(app, await listen(app, listeners[first]))
    }
    await access.open()
    const addressOf = (api: ApiKind): string | undefined => {
      const app = this.#apps.get(api)
      return app === undefined ? undefined : bound.get(app)
    }
    return {
      inference: addressOf('inference') ?? '',
      management: addressOf('management') ?? '',
      metrics: addressOf('metrics'),
    }
  }

  /** Lets nobody in any more, and returns once everybody has been answered, or the time for that is over. */
  async close(): Promise<void> {
    await Promise.all([...new Set(this.#apps.values())].map(app => this.#closeApp(app)))
    await this.#options.access.close()
  }

  /** The document of the whole server, with the addresses as they are when it is asked for; and the page that shows it. */
  #addDocuments(app: App, apis: readonly ApiKind[], bound: ReadonlyMap<App, string>): void {
    const { access, version } = this.#options
    const [first] = apis
    if (first === undefined) return
    access.addOpen(app, first, open => {
      const answer = async (_request: FastifyRequest, reply: FastifyReply) => {
        // Loaded when somebody asks: a start does without.
        const { describeServer } = await import('./openapi/server-document.ts')
        const doors = this.#served(bound)
        const here = doors.find(({ apis: behind }) => behind.includes(first))
        assert(here, 'an address that answers is one of the bound ones')
        const needsKey = (api: ApiKind) => access.needsKey(api)
        return sendCompact(reply, describeServer({ version, doors, here, hasKeys: access.hasKeys, needsKey }))
      }
      open.route({ method: ['GET', 'HEAD'], url: '/openapi.json', handler: answer })
      if (this.#hasPage(apis)) addDocsPage(open)
    })
  }

  #served(bound: ReadonlyMap<App, string>): ServedDoor[] {
    return Array.from(bound, ([app, address]) => {
      const apis = [...this.#apps].flatMap(([api, door]) => (door === app ? [api] : []))
      return { apis, address, hasPage: this.#hasPage(apis) }
    })
  }

  /** Metrics alone need none. */
  #hasPage(apis: readonly ApiKind[]): boolean {
    const { docsPage, listeners } = this.#options
    const api = apis.find(kind => kind !== 'metrics')
    if (api === undefined || docsPage === 'never') return false
    return docsPage === 'always' || isLocal(listeners[api])
  }

  /** Port 0 is another free port for each API. */
  #appFor(api: ApiKind): App {
    const { listeners, app, tls } = this.#options
    const { text } = listeners[api]
    const shared = [...this.#apps].find(([other]) => listeners[other].text === text && !text.endsWith(':0'))
    if (shared !== undefined) return shared[1]
    const binding = listeners[api]
    const isEncrypted = binding.kind === 'tcp' && binding.scheme === 'https'
    return createApp({ ...app, ...(isEncrypted && tls !== undefined ? { tls } : {}) })
  }

  async #closeApp(app: App): Promise<void> {
    const timer = setTimeout(() => {
      this.#options.app.logger.warn(
        'Requests were still open when the drain time was over; their connections are cut',
      )
      app.server.closeAllConnections()
    }, this.#options.drainMs)
    await app.close()
    clearTimeout(timer)
  }
}
