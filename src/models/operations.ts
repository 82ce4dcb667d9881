import { failure, failureWith } from '../errors.ts'
import { toLoadFailure } from './load-failure.ts'
import type { Model } from './model.ts'
import { registerModel, type RegisterDeps, type Registered, type RegisterRequest } from './register.ts'

export interface OperationsOptions {
  readonly deps: RegisterDeps
  /** How long an unregistered model may take to end before its client is told so. */
  readonly unregisterTimeoutMs: number
  /** Called after each change of what is registered and how. */
  onChange(): void
}

export interface ScaleRequest {
  readonly name: string
  /** Undefined is the default version. */
  readonly version: string | undefined
  readonly minWorkers: number
  readonly maxWorkers: number
}

/**
 * What can be done with the registered models while they serve. What concerns one model happens one after the other.
 * Once the server stops, everything is refused with SHUTTING_DOWN.
 */
export class ModelOperations {
  readonly #options: OperationsOptions
  readonly #last = new WeakMap<Model, Promise<unknown>>()
  readonly #registering = new Set<Promise<unknown>>()

  constructor(options: OperationsOptions) {
    this.#options = options
  }

  /** See registerModel. */
  async register(request: RegisterRequest): Promise<Registered> {
    this.#expectRunning()
    const { model, ready } = await this.#register(request)
    // What is asked of it meanwhile waits: its first workers stopped by another one would undo the registration.
    const loaded = this.#inTurn(model, () => ready)
    // Not before: what does not load is undone, and nobody should have written it down.
    const settled = loaded.finally(() => this.#options.onChange())
    settled.catch(() => {}) // Whoever asks gets it; nobody has to ask.
    return { model, ready: settled }
  }

  /** Resolves when the registrations under way have added their models, or failed. */
  async registered(): Promise<void> {
    await Promise.allSettled(this.#registering)
  }

  /** Scales a version; the promise inside settles when it is done, and rejects with LOAD_FAILED. */
  scale({ name, version, minWorkers, maxWorkers }: ScaleRequest): { model: Model; done: Promise<void> } {
    this.#expectRunning()
    const model = this.#options.deps.registry.resolve(name, version)
    const done = this.#inTurn(model, async () => {
      this.#expectRunning()
      // It may have gone while this waited for its turn, and another one have come under its name.
      if (!this.#options.deps.registry.holds(model)) throw failure('MODEL_NOT_FOUND', name)
      try {
        await model.scale(minWorkers, maxWorkers)
      } catch (error) {
        throw toLoadFailure(error, { name, version: version ?? 'null' })
      } finally {
        this.#options.onChange()
      }
    })
    done.catch(() => {})
    return { model, done }
  }

  /**
   * Makes a version the default once what is under way with it is done, so that one that still loads takes over when
   * it can serve. One without workers may be chosen, as in TorchServe. Throws MODEL_NOT_FOUND, NO_SUCH_VERSION_TO_SET.
   */
  async setDefault(name: string, version: string): Promise<void> {
    this.#expectRunning()
    const { deps } = this.#options
    const model = deps.registry.candidate(name, version)
    await this.#inTurn(model, async () => {
      this.#expectRunning()
      // What it waited for may have undone its registration.
      deps.registry.setDefault(name, version)
      if (model.pool.readyCount === 0) {
        deps.warn('The new default version has no worker that is ready: requests without a version fail', {
          model: name,
          version,
        })
      }
      this.#options.onChange()
    })
  }

  /**
   * Takes a version out at once: it gets no further requests. What it has is served, then its workers end. Throws
   * DEFAULT_VERSION_IN_USE for the default among several, UNREGISTER_TIMEOUT where the end takes too long (it goes on).
   */
  async unregister(name: string, version: string | undefined): Promise<void> {
    this.#expectRunning()
    const { registry } = this.#options.deps
    const model = registry.resolve(name, version)
    if (registry.isDefault(model) && registry.countVersions(name) > 1) {
      throw failure('DEFAULT_VERSION_IN_USE', name)
    }
    registry.remove(model)
    this.#options.onChange()
    const ended = model.close().then(() => model.removeDownload?.())
    await this.#within(ended, name)
  }

  #expectRunning(): void {
    this.#options.deps.stopping.throwIfAborted()
  }

  async #register(request: RegisterRequest): Promise<Registered> {
    const registering = registerModel(request, this.#options.deps)
    this.#registering.add(registering)
    try {
      return await registering
    } finally {
      this.#registering.delete(registering)
    }
  }

  async #within(ended: Promise<unknown>, name: string): Promise<void> {
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      reject(failureWith({ reason: 'Its workers are still ending.' }, 'UNREGISTER_TIMEOUT', name))
    }, this.#options.unregisterTimeoutMs)
    try {
      await Promise.race([ended, late])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Runs one operation on a model after those before it, whether or not they worked. */
  #inTurn<T>(model: Model, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(model) ?? Promise.resolve()
    const result = before.then(work, work)
    this.#last.set(
      model,
      result.catch(() => {}),
    )
    return result
  }
}
