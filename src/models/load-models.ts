import { loadAtStartup, type StartupList, type StartupLoad } from './load-at-startup.ts'
import type { ModelOperations } from './operations.ts'
import { restoreModels } from './restore.ts'
import type { SnapshotModel } from './snapshot-model.ts'

export interface StartupModels {
  readonly store: string
  readonly load: StartupList
  /** Comes in place of `load`. */
  readonly snapshot: readonly SnapshotModel[] | undefined
}

/** Registers the models that a start begins with: those of a snapshot, else those that it names. */
export function loadModels(
  { store, load, snapshot }: StartupModels,
  operations: ModelOperations,
): Promise<StartupLoad> {
  if (snapshot === undefined) return loadAtStartup(load, store, operations)
  const register = (...[request]: Parameters<ModelOperations['register']>) => operations.register(request)
  return restoreModels({ models: snapshot, modelStore: store, register })
}
