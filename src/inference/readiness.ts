import { withoutPaths } from '../models/load-failure.ts'
import type { Model, ModelState } from '../models/model.ts'
import type { Registry } from '../models/registry.ts'

/** How one model is, for whoever asks why the server is not ready. */
export interface ModelReadiness {
  readonly name: string
  readonly version: string
  /** Whether requests without a version come to it: only then does the server wait for it. */
  readonly default: boolean
  readonly ready: boolean
  readonly state: ModelState
  readonly workers: { readonly ready: number; readonly wanted: number }
  readonly reason?: string
}

export interface ReadinessReport {
  readonly ready: boolean
  readonly draining: boolean
  /** One sentence for each thing that is in the way. */
  readonly reasons: readonly string[]
  readonly models: readonly ModelReadiness[]
}

/**
 * Whether the server should be sent requests, and if not, why. That is what load balancers ask; requests that come
 * all the same are served as long as the doors are open.
 */
export class Readiness {
  readonly #registry: Pick<Registry, 'all' | 'defaults' | 'isDefault'>
  readonly #draining = new AbortController()

  constructor(registry: Pick<Registry, 'all' | 'defaults' | 'isDefault'>) {
    this.#registry = registry
  }

  /** Aborted once the server is about to stop. */
  get draining(): AbortSignal {
    return this.#draining.signal
  }

  /** From now on the server is not ready. */
  beginDrain(): void {
    this.#draining.abort()
  }

  /** Whether every default version that should have workers has one that is up, and the server stays. */
  isReady(): boolean {
    return !this.draining.aborted && this.#registry.defaults().every(canServe)
  }

  report(): ReadinessReport {
    const models = this.#registry.all().map(model => describe(model, this.#registry.isDefault(model)))
    const waiting = models.filter(model => model.default && !model.ready)
    const draining = this.draining.aborted
    return {
      ready: this.isReady(),
      draining,
      reasons: [...(draining ? ['The server is shutting down.'] : []), ...waiting.map(whyNot)],
      models,
    }
  }
}

const canServe = ({ pool }: Model) => pool.size === 0 || pool.readyCount > 0

function describe(model: Model, isDefault: boolean): ModelReadiness {
  const { name, version, pool } = model
  const { state, reason } = model.health()
  return {
    name,
    version,
    default: isDefault,
    ready: canServe(model),
    state,
    workers: { ready: pool.readyCount, wanted: pool.size },
    ...(reason === '' ? {} : { reason: withoutPaths(reason) }),
  }
}

function whyNot({ name, version, workers, state, reason }: ModelReadiness): string {
  const why = reason === undefined ? '' : `: ${reason}`
  return `Model ${name} ${version} is ${state} with ${workers.ready} of ${workers.wanted} workers ready${why}`
}
