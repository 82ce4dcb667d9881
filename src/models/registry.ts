import { failure } from '../errors.ts'
import type { Model } from './model.ts'
import { choose } from './versions.ts'

interface Versions {
  defaultVersion: string
  readonly byVersion: Map<string, Model>
}

/** What is registered: names to versions, and which version answers by default. */
export class Registry {
  readonly #names = new Map<string, Versions>()

  /** Adds a version; the first of a name becomes its default. Throws ALREADY_REGISTERED. */
  add(model: Model): void {
    const versions = this.#names.get(model.name)
    if (versions?.byVersion.has(model.version)) throw failure('ALREADY_REGISTERED', model.name, model.version)
    if (versions) versions.byVersion.set(model.version, model)
    else
      this.#names.set(model.name, {
        defaultVersion: model.version,
        byVersion: new Map([[model.version, model]]),
      })
  }

  /** Whether a name has this version already. */
  has(name: string, version: string): boolean {
    return this.#names.get(name)?.byVersion.has(version) ?? false
  }

  /** Takes a version out again: it gets no further requests. */
  remove(model: Model): void {
    const versions = this.#names.get(model.name)
    if (versions?.byVersion.get(model.version) !== model) return
    versions.byVersion.delete(model.version)
    if (versions.byVersion.size === 0) this.#names.delete(model.name)
    else if (versions.defaultVersion === model.version) {
      versions.defaultVersion = [...versions.byVersion.keys()][0] ?? model.version
    }
  }

  /** The model that answers: the named version, else the default one. Throws MODEL_ or VERSION_NOT_FOUND. */
  resolve(name: string, asked: string | undefined): Model {
    const versions = this.#names.get(name)
    if (versions === undefined) throw failure('MODEL_NOT_FOUND', name)
    const { defaultVersion, byVersion } = versions
    const version = choose({ versions: [...byVersion.keys()], defaultVersion }, asked)
    const model = version === undefined ? undefined : byVersion.get(version)
    if (model === undefined) throw failure('VERSION_NOT_FOUND', name, asked ?? defaultVersion)
    return model
  }

  /** The default version of every name, sorted by name. */
  defaults(): Model[] {
    return this.all().filter(model => this.isDefault(model))
  }

  isDefault(model: Model): boolean {
    return this.#names.get(model.name)?.defaultVersion === model.version
  }

  /** Every registered version, sorted by name, in the order of registration within one. */
  all(): Model[] {
    const names = [...this.#names.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1))
    return names.flatMap(([, { byVersion }]) => [...byVersion.values()])
  }
}
