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

/** What can be done with the registered models while they serve. What concerns one model happens one after the other. */
export class ModelOperations {
  readonly #options: OperationsOptions
  readonly #last = new WeakMap<Model, Promise<unknown>>()

  constructor(options: OperationsOptions) {
    this.#options = options
  }

  /** See registerModel. */
  async register(request: RegisterRequest): Promise<Registered> {
    const { model, ready } = await registerModel(request, this.#options.deps)
    // What is asked of it meanwhile waits: its first workers stopped by another one would undo the registration.
    const loaded = this.#inTurn(model, () => ready)
    // Not before: what does not load is undone, and nobody should have written it down.
    const settled = loaded.finally(() => this.#options.onChange())
    settled.catch(() => {}) // Whoever asks gets it; nobody has to ask.
    return { model, ready: settled }
  }

  /** Ends the registrations that import a PyTorch file: the server stops. */
  stopImports(): void {
    this.#options.deps.imports.close()
  }

  /** Scales a version; the promise inside settles when it is done, and rejects with LOAD_FAILED. */
  scale({ name, version, minWorkers, maxWorkers }: ScaleRequest): { model: Model; done: Promise<void> } {
    const model = this.#options.deps.registry.resolve(name, version)
    const done = this.#inTurn(model, async () => {
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

  setDefault(name: string, version: string): void {
    this.#options.deps.registry.setDefault(name, version)
    this.#options.onChange()
  }

  /**
   * Takes a version out at once: it gets no further requests. What it has is served, then its workers end. Throws
   * DEFAULT_VERSION_IN_USE for the default among several, UNREGISTER_TIMEOUT where the end takes too long (it goes on).
   */
  async unregister(name: string, version: string | undefined): Promise<void> {
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
