import type { Registry } from './registry.ts'
import { SnapshotStore, type SnapshotOptions } from './snapshot.ts'
import { toSnapshotModels } from './snapshot-model.ts'
import type { SnapshotKind } from './snapshot-text.ts'

export interface RecorderOptions extends SnapshotOptions {
  readonly registry: Pick<Registry, 'all' | 'isDefault'>
  /** The effective configuration, as in SnapshotContent. */
  readonly config: Readonly<Record<string, string>>
}

/**
 * Keeps a snapshot of what is registered from the end of the start to the beginning of the stop. Before and after that
 * the registry is half full, which must not become the newest snapshot.
 */
export class SnapshotRecorder {
  readonly #options: RecorderOptions
  readonly #store: SnapshotStore
  #isServing = false

  constructor(options: RecorderOptions) {
    this.#options = options
    this.#store = new SnapshotStore(options)
  }

  /** To be called when what the start asks for is registered. */
  async started(): Promise<void> {
    this.#isServing = true
    await this.#record('startup')
  }

  /** To be called after each change of what is registered, and how. */
  changed(): void {
    void this.#record('snapshot') // It tells of its errors itself.
  }

  /** To be called before the models are closed. */
  async stopping(): Promise<void> {
    const last = this.#record('shutdown')
    this.#isServing = false
    await last
  }

  async #record(kind: SnapshotKind): Promise<void> {
    if (!this.#isServing) return
    const { config, registry } = this.#options
    await this.#store.write(kind, { config, models: toSnapshotModels(registry) })
  }
}
