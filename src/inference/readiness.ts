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
  /** One for each model that was given up, where the server is ready for the sake of the others. */
  readonly warnings: readonly string[]
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

  /**
   * Whether the server stays, no default version is still on its way, and one at least can serve where any should. One
   * that was given up does not keep the others from their requests: it may never come.
   */
  isReady(): boolean {
    if (this.draining.aborted) return false
    const wanted = this.#registry.defaults().filter(({ pool }) => pool.size > 0)
    return wanted.every(model => canServe(model) || isGivenUp(model)) && isAnyUp(wanted, canServe)
  }

  report(): ReadinessReport {
    const models = this.#registry.all().map(model => describe(model, this.#registry.isDefault(model)))
    const wanted = models.filter(model => model.default && model.workers.wanted > 0)
    const missing = wanted.filter(model => !model.ready)
    const isWaitedFor = isAnyUp(wanted, ({ ready }) => ready)
      ? ({ state }: ModelReadiness) => state !== 'failed'
      : () => true
    const draining = this.draining.aborted
    return {
      ready: this.isReady(),
      draining,
      reasons: [
        ...(draining ? ['The server is shutting down.'] : []),
        ...missing.filter(isWaitedFor).map(whyNot),
      ],
      warnings: missing.filter(model => !isWaitedFor(model)).map(whyNot),
      models,
    }
  }
}

const isAnyUp = <T>(wanted: readonly T[], isUp: (one: T) => boolean) =>
  wanted.length === 0 || wanted.some(isUp)

/** Its model or its handler did not load, or its workers failed for too long; a further try may still help. */
const isGivenUp = (model: Model) => model.health().state === 'failed'

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
