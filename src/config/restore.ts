import type { SnapshotModel } from './snapshot.ts'
import { showValue } from './shown.ts'

export interface RestoreFacts {
  /** The newest snapshot; undefined: there is none. */
  readonly snapshot: { readonly file: string; readonly models: readonly SnapshotModel[] } | undefined
  /** Whether this start itself names models: `--models` or its variable. */
  readonly areModelsGiven: boolean
  /** Whether this start itself names a configuration file. */
  readonly isConfigFileGiven: boolean
  /** `--ncs`. */
  readonly areSnapshotsOff: boolean
}

export interface RestorePlan {
  readonly restore: boolean
  /** A sentence for the log; empty where there is nothing to say. */
  readonly say: string
}

const MOST_NAMED = 10
const NOTHING: RestorePlan = { restore: false, say: '' }

/**
 * Whether the newest snapshot comes back. TorchServe restores it whatever `--models` says; here models that this start
 * names win, and either way the log says which file it is about and how to have it otherwise.
 */
export function planRestore(facts: RestoreFacts): RestorePlan {
  const { snapshot, areModelsGiven, isConfigFileGiven, areSnapshotsOff } = facts
  if (areSnapshotsOff || isConfigFileGiven || snapshot === undefined) return NOTHING
  const file = showValue(snapshot.file)
  const models = listModels(snapshot.models)
  if (areModelsGiven) {
    const say =
      `The snapshot ${file} (${models}) is not restored, as this start names its models. Start without --models to ` +
      'restore it, with --ncs to have no snapshots.'
    return { restore: false, say }
  }
  const say =
    `Restoring the snapshot ${file}: ${models}, and the settings of that run which this start does not set. To start ` +
    'without it, give --ncs, or name the models with --models or a file with --ts-config.'
  return { restore: true, say }
}

function listModels(models: readonly SnapshotModel[]): string {
  if (models.length === 0) return 'no models'
  const named = models.slice(0, MOST_NAMED).map(({ name, version }) => showValue(`${name} ${version}`))
  const more = models.length - named.length
  return [...named, ...(more > 0 ? [`and ${more} more`] : [])].join(', ')
}
