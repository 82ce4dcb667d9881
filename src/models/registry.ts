import { failure } from '../errors.ts'
import type { Model } from './model.ts'

interface Versions {
  defaultVersion: string
  readonly byVersion: Map<string, Model>
}

/** What is registered: names to versions, and which version answers by default. */
export class Registry {
  readonly #names = new Map<string, Versions>()
  readonly #reserved = new Set<string>()

  /**
   * Claims a name and version for a registration that is under way, so that of two at once one wins. Throws
   * ALREADY_REGISTERED. The result gives the claim back.
   */
  reserve(name: string, version: string): () => void {
    const key = JSON.stringify([name, version])
    if (this.has(name, version) || this.#reserved.has(key)) throw failure('ALREADY_REGISTERED', name, version)
    this.#reserved.add(key)
    let isGivenBack = false
    return () => {
      // Later the claim may be somebody else's.
      if (!isGivenBack) this.#reserved.delete(key)
      isGivenBack = true
    }
  }

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

  /** Whether this very model is registered, and not only one of its name and version. */
  holds(model: Model): boolean {
    return this.#names.get(model.name)?.byVersion.get(model.version) === model
  }

  /** Takes a version out again: it gets no further requests. */
  remove(model: Model): void {
    const versions = this.#names.get(model.name)
    if (versions === undefined || !this.holds(model)) return
    versions.byVersion.delete(model.version)
    if (versions.byVersion.size === 0) this.#names.delete(model.name)
    else if (versions.defaultVersion === model.version) {
      versions.defaultVersion = [...versions.byVersion.keys()][0] ?? model.version
    }
  }

  /** As `resolve`; undefined where there is none. */
  find(name: string, asked: string | undefined): Model | undefined {
    const versions = this.#names.get(name)
    return versions?.byVersion.get(asked ?? versions.defaultVersion)
  }

  /** The model that answers: the named version, else the default one. Throws MODEL_ or VERSION_NOT_FOUND. */
  resolve(name: string, asked: string | undefined): Model {
    const versions = this.#names.get(name)
    if (versions === undefined) throw failure('MODEL_NOT_FOUND', name)
    const { defaultVersion, byVersion } = versions
    const version = asked ?? defaultVersion
    const model = byVersion.get(version)
    if (model === undefined) throw failure('VERSION_NOT_FOUND', name, version)
    return model
  }

  /** The default version of every name, sorted by name. */
  defaults(): Model[] {
    return this.all().filter(model => this.isDefault(model))
  }

  /** How many versions a name has. */
  countVersions(name: string): number {
    return this.#names.get(name)?.byVersion.size ?? 0
  }

  /** The version that is to become the default. Throws MODEL_NOT_FOUND, NO_SUCH_VERSION_TO_SET. */
  candidate(name: string, version: string): Model {
    const versions = this.#names.get(name)
    if (versions === undefined) throw failure('MODEL_NOT_FOUND', name)
    const model = versions.byVersion.get(version)
    if (model === undefined) throw failure('NO_SUCH_VERSION_TO_SET', name, version)
    return model
  }

  /** Makes a version the one that answers where none is named. Throws what `candidate` throws. */
  setDefault(name: string, version: string): void {
    this.candidate(name, version)
    const versions = this.#names.get(name)
    if (versions !== undefined) versions.defaultVersion = version
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
