import { listStore, modelNameFromFile } from '../archive/store.ts'
import { Failure, failure, failureWith, toFailure } from '../errors.ts'
import type { Model } from './model.ts'
import type { ModelOperations } from './operations.ts'
import type { Registry } from './registry.ts'

export interface RepositoryOptions {
  readonly registry: Registry
  readonly operations: ModelOperations
  readonly modelStore: string
  /** Workers of a model that is loaded by its name. */
  readonly workers: number
}

export interface RepositoryEntry {
  readonly name: string
  readonly version?: string
  readonly state: 'READY' | 'LOADING' | 'UNAVAILABLE'
  readonly reason: string
}

const STATES = {
  ready: 'READY',
  degraded: 'READY',
  loading: 'LOADING',
  failed: 'UNAVAILABLE',
  idle: 'UNAVAILABLE',
} as const

/** The model store as the Open Inference Protocol sees it: models are loaded and unloaded by their names. */
export class Repository {
  readonly #options: RepositoryOptions

  constructor(options: RepositoryOptions) {
    this.#options = options
  }

  /** Every registered version, and every archive of the store that is not registered. */
  async index(): Promise<RepositoryEntry[]> {
    const registered = this.#options.registry.all()
    const names = new Set(registered.map(({ name }) => name))
    const files = new Set(registered.map(({ archive }) => archive.file))
    const stored = (await listStore(this.#options.modelStore)).filter(
      file => !files.has(file) && !names.has(modelNameFromFile(file)),
    )
    return [
      ...registered.map(describe),
      ...stored.map(file => ({
        name: modelNameFromFile(file),
        state: 'UNAVAILABLE' as const,
        reason: 'It is not loaded.',
      })),
    ]
  }

  /**
   * Registers the archive of this name with workers and waits until they are up; a model that is registered without
   * workers gets some. Throws REPOSITORY_LOAD_FAILED.
   */
  async load(name: string): Promise<void> {
    const { registry, operations, workers } = this.#options
    const known = registry.all().find(model => model.name === name && registry.isDefault(model))
    try {
      if (known === undefined) await this.#register(name)
      else if (known.pool.size === 0) {
        const minWorkers = Math.max(1, workers)
        await operations.scale({ name, version: undefined, minWorkers, maxWorkers: minWorkers }).done
      }
    } catch (error) {
      const { message, reason = message, code } = toFailure(error)
      if (code === 'INTERNAL' || code === 'REPOSITORY_LOAD_FAILED') throw error
      throw failureWith({ cause: error }, 'REPOSITORY_LOAD_FAILED', name.slice(0, 128), reason)
    }
  }

  /** Takes out every version of a name. Throws UNKNOWN_MODEL. */
  async unload(name: string): Promise<void> {
    const { registry, operations } = this.#options
    const versions = registry.all().filter(model => model.name === name)
    if (versions.length === 0) throw failure('UNKNOWN_MODEL', name.slice(0, 128), undefined)
    // The default goes last: it cannot go before the others.
    for (const model of versions.toSorted(one => (registry.isDefault(one) ? 1 : -1))) {
      await operations.unregister(name, model.version).catch(ignoreGone)
    }
  }

  async #register(name: string): Promise<void> {
    const { operations, modelStore, workers } = this.#options
    const file = (await listStore(modelStore)).find(entry => modelNameFromFile(entry) === name)
    if (file === undefined) {
      const short = name.slice(0, 128)
      throw failure('REPOSITORY_LOAD_FAILED', short, 'failed to poll from model repository: it is not there')
    }
    const settings = { minWorkers: Math.max(1, workers) }
    const { ready } = await operations.register({ url: file, name, settings, atStartup: false })
    await ready
  }
}

/** Of the parameters of a load or unload those are refused that bring configuration or files over the wire. */
export function refuseFiles(parameters: readonly string[]): void {
  const refused = parameters.find(name => name === 'config' || name.startsWith('file:'))
  if (refused === undefined) return
  throw failure(
    'NOT_SERVED',
    `parameter '${refused.slice(0, 64)}' is not served: put the archive into the model store and load it by its name`,
  )
}

function describe(model: Model): RepositoryEntry {
  const { state, reason } = model.health()
  return { name: model.name, version: model.version, state: STATES[state], reason }
}

/** Somebody else took it out meanwhile. */
function ignoreGone(error: unknown): void {
  const isGone =
    error instanceof Failure && (error.code === 'VERSION_NOT_FOUND' || error.code === 'MODEL_NOT_FOUND')
  if (!isGone) throw error
}
