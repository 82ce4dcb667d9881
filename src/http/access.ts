import type { onRequestHookHandler } from 'fastify'
import { Keys } from '../auth.ts'
import type { App } from './app.ts'
import { addTokenRoute, requireKey } from './auth.ts'
import type { ApiKind } from './description.ts'
import type { Binding } from './listen.ts'
import { isLocal, refuseForeign } from './origin.ts'

export interface AccessOptions {
  /**
   * Which APIs need a key. `always`: inference and management, as in TorchServe; `by address`: management where it can
   * be reached from other machines; `never`: none.
   */
  readonly tokens: 'always' | 'by address' | 'never'
  /** Absolute path of the file that tells the keys. */
  readonly keyFile: string
  readonly keyLifeMs: number
  readonly listeners: Readonly<Record<ApiKind, Binding>>
  /** Where management listens for gRPC; undefined: nowhere. */
  readonly grpcManagement?: Binding | undefined
  /** Names in `Host` that are accepted on a loopback address beside its own. */
  readonly allowedHosts: readonly string[]
  /** The value of access-control-allow-origin: pages of this origin may use the inference API. */
  readonly allowedOrigin: string | undefined
}

/** Who may call which API: what stands before the routes of each. The descriptions of the APIs are for everyone. */
export class Access {
  readonly #options: AccessOptions
  readonly #isManagementLocal: boolean
  readonly #keys: Keys | undefined

  constructor(options: AccessOptions) {
    this.#options = options
    const { listeners, grpcManagement } = options
    this.#isManagementLocal =
      isLocal(listeners.management) && (grpcManagement === undefined || isLocal(grpcManagement))
    const isNeeded = this.needsKey('management') || this.needsKey('inference')
    this.#keys = isNeeded ? new Keys({ file: options.keyFile, lifeMs: options.keyLifeMs }) : undefined
  }

  /**
   * Adds the routes of an API to its app, behind what protects them; `addOpen` adds those that need no key. They are
   * there once the app is ready.
   */
  addApi(app: App, api: ApiKind, addRoutes: (app: App) => void, addOpen?: (app: App) => void): void {
    const origin = this.#originCheck(api)
    const keys = this.#keys
    void app.register((open, _options, done) => {
      if (origin !== undefined) open.addHook('onRequest', origin)
      if (api === 'management' && keys !== undefined) addTokenRoute(open, keys)
      addOpen?.(open)
      void open.register((guarded, _none, ready) => {
        if (keys !== undefined && this.needsKey(api)) guarded.addHook('onRequest', requireKey(keys, api))
        addRoutes(guarded)
        ready()
      })
      done()
    })
  }

  /** Adds routes that are for everyone who may reach the address at all, without a key. */
  addOpen(app: App, api: ApiKind, addRoutes: (app: App) => void): void {
    const origin = this.#originCheck(api)
    void app.register((open, _options, done) => {
      if (origin !== undefined) open.addHook('onRequest', origin)
      addRoutes(open)
      done()
    })
  }

  /** Whether calls of this API have to come with its key. */
  needsKey(api: ApiKind): api is 'inference' | 'management' {
    const { tokens } = this.#options
    if (api === 'metrics' || tokens === 'never') return false
    return tokens === 'always' || (api === 'management' && !this.#isManagementLocal)
  }

  /** Whether keys are needed at all, for some API. */
  get hasKeys(): boolean {
    return this.#keys !== undefined
  }

  /** For calls that do not come over HTTP: throws INVALID_KEY where the API needs a key and `authorization` lacks it. */
  checkKey(api: 'inference' | 'management', authorization: string | undefined): void {
    if (this.needsKey(api)) this.#keys?.check(api, authorization)
  }

  /**
   * Writes the key file, where keys are needed. To be called once the addresses are bound: a second server that is
   * started by mistake fails at that, and leaves the first one's file alone.
   */
  async open(): Promise<void> {
    await this.#keys?.save()
  }

  async close(): Promise<void> {
    await this.#keys?.remove()
  }

  /** What the operator should know; `isGrave` when it is a danger. */
  describe(): { readonly message: string; readonly isGrave: boolean } | undefined {
    if (this.#keys !== undefined) {
      const apis = (['inference', 'management'] as const).filter(api => this.needsKey(api))
      const subject =
        apis.length === 1 ? `the ${apis.join()} API needs its` : `${apis.join(' and ')} need their`
      return { message: `Tokens are on: ${subject} key; the keys are in ${this.#keys.file}`, isGrave: false }
    }
    if (this.#isManagementLocal) return undefined
    return {
      message:
        'TOKENS ARE OFF, AND THE MANAGEMENT API CAN BE REACHED FROM OTHER MACHINES: whoever reaches it can run ' +
        'code here. Remove disable_token_authorization, or bind management_address and grpc_management_address to 127.0.0.1.',
      isGrave: true,
    }
  }

  #originCheck(api: ApiKind): onRequestHookHandler | undefined {
    const { listeners, allowedHosts, allowedOrigin } = this.#options
    const binding = listeners[api]
    if (binding.kind === 'unix' || !isLocal(binding)) return undefined
    return refuseForeign({
      host: binding.host,
      allowedHosts,
      allowedOrigin: api === 'management' ? undefined : allowedOrigin,
    })
  }
}
