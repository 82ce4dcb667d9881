import { findInStore } from '../archive/store.ts'
import { failureWith } from '../errors.ts'
import { toRefused, type Refused, type StartupLoad } from './load-at-startup.ts'
import type { Registered, RegisterRequest } from './register.ts'
import type { SnapshotModel } from './snapshot-model.ts'

/** A registration whose settings are those of a snapshot, whatever the other sources say. */
export interface RestoreRequest extends RegisterRequest {
  readonly restored: SnapshotModel
}

export interface RestoreOptions {
  readonly models: readonly SnapshotModel[]
  readonly modelStore: string
  readonly register: (request: RestoreRequest) => Promise<Registered>
}

/**
 * Registers the models of a snapshot. Throws BAD_CONFIG, before anything is registered, when the archive of one is not
 * in the model store, and SHUTTING_DOWN where the server is stopped meanwhile; one that cannot be registered is told and
 * left out.
 */
export async function restoreModels({ models, modelStore, register }: RestoreOptions): Promise<StartupLoad> {
  for (const model of models) await expectArchive(modelStore, model)
  const registered: Registered[] = []
  const refused: Refused[] = []
  // The first version of a name becomes its default.
  for (const model of models.toSorted((a, b) => Number(b.defaultVersion) - Number(a.defaultVersion))) {
    const { name, marName, handler } = model
    try {
      const request = { url: marName, name, handler, settings: {}, atStartup: true, restored: model }
      const found = await register(request)
      registered.push(found)
      if (found.model.version !== model.version) refused.push(otherVersion(model, found.model.version))
    } catch (error) {
      refused.push(toRefused(marName, error))
    }
  }
  return { registered, refused }
}

async function expectArchive(modelStore: string, { name, version, marName }: SnapshotModel): Promise<void> {
  await findInStore(modelStore, marName).catch((error: unknown) => {
    const reason =
      'A snapshot of an earlier run names it. Put the archive back, or start with --ncs, or with --models and what ' +
      'to serve.'
    const text = `Model archive file for model :${name}, version :${version} not found in model store`
    throw failureWith({ reason, cause: error }, 'BAD_CONFIG', text)
  })
}

function otherVersion({ name, version, marName }: SnapshotModel, found: string): Refused {
  return {
    url: marName,
    reason: `The snapshot has version ${version} of ${name}; the archive now has version ${found}, which is served.`,
  }
}
