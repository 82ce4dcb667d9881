import type { Registry } from './registry.ts'
import type { ModelSettings } from './settings.ts'

/**
 * One registered version as a snapshot keeps it: TorchServe's fields and units (seconds, except maxBatchDelay in
 * milliseconds). A time-out that is not there had no limit.
 */
export interface SnapshotModel {
  readonly name: string
  readonly version: string
  readonly defaultVersion: boolean
  /** The archive's file or folder in the model store. */
  readonly marName: string
  readonly minWorkers: number
  readonly maxWorkers: number
  readonly batchSize: number
  readonly maxBatchDelay: number
  readonly responseTimeout?: number | undefined
  readonly startupTimeout?: number | undefined
  readonly runtimeType?: string | undefined
  /** The handler in place of the archive's own, where one was asked for. Ours: TorchServe forgets it. */
  readonly handler?: string | undefined
}

/** Every registered version, as a snapshot keeps it. */
export function toSnapshotModels(registry: Pick<Registry, 'all' | 'isDefault'>): SnapshotModel[] {
  return registry.all().map(model => {
    const { settings, archive, handler } = model
    return {
      name: model.name,
      version: model.version,
      defaultVersion: registry.isDefault(model),
      marName: archive.file,
      minWorkers: settings.minWorkers,
      maxWorkers: settings.maxWorkers,
      batchSize: settings.batchSize,
      maxBatchDelay: settings.maxBatchDelayMs,
      responseTimeout: toSeconds(settings.responseTimeoutMs),
      startupTimeout: toSeconds(settings.startupTimeoutMs),
      runtimeType: archive.manifest.runtime,
      handler,
    }
  })
}

/** The settings of a version that comes back: what the snapshot says wins over every other source. */
export function restoredSettings(settings: ModelSettings, snapshot: SnapshotModel): ModelSettings {
  const { minWorkers, maxWorkers, batchSize, maxBatchDelay, responseTimeout, startupTimeout } = snapshot
  return {
    ...settings,
    minWorkers,
    maxWorkers,
    areWorkersFree: false,
    batchSize,
    // A snapshot holds TorchServe's 1 where nobody said a number: more may be found again.
    isBatchSizeGiven: settings.isBatchSizeGiven || batchSize !== 1,
    maxBatchDelayMs: maxBatchDelay,
    responseTimeoutMs: restoredMs(settings.responseTimeoutMs, responseTimeout),
    startupTimeoutMs: restoredMs(settings.startupTimeoutMs, startupTimeout),
  }
}

const toSeconds = (ms: number) => (Number.isFinite(ms) ? ms / 1000 : undefined)

/** Where there is no limit for anybody (debug), a model's own is none either. */
const restoredMs = (ms: number, seconds: number | undefined) =>
  ms === Infinity || seconds === undefined ? ms : seconds * 1000
