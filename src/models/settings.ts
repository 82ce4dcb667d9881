/** The longest time-out in seconds that a source may give. */
export { MAX_TIMEOUT_S } from '../archive/model-config.ts'

/** How one model version is served. Milliseconds and counts. */
export interface ModelSettings {
  readonly minWorkers: number
  readonly maxWorkers: number
  /** TorchServe's 1 where nobody said it. */
  readonly batchSize: number
  readonly isBatchSizeGiven: boolean
  /** Nobody said a number of workers: it may be found by measuring. Then there is one until it is. */
  readonly areWorkersFree: boolean
  /** How long an item waits for company; 0 takes what is there at once. */
  readonly maxBatchDelayMs: number
  readonly jobQueueSize: number
  readonly responseTimeoutMs: number
  readonly startupTimeoutMs: number
  /** A worker that has not come back within this time is given up. */
  readonly giveUpMs: number
  /** Whether what a worker had when it died runs again. */
  readonly mayRetry: boolean
  /** A request that was not answered by then is not answered any more; Infinity where there is no limit. */
  readonly clientTimeoutMs: number
  /** A request that would probably wait longer is refused at once; Infinity where there is no limit. */
  readonly maxQueueWaitMs: number
  /** Bytes that waiting requests may have. */
  readonly jobQueueBytes: number
  /** Sizes for which a batch does not wait any longer, where `maxBatchDelayMs` lets it wait. */
  readonly preferredBatchSizes: readonly number[]
}

/**
 * Settings as a source gives them: TorchServe's names and units (seconds, except for maxBatchDelay, maxQueueWait and
 * clientTimeoutInMills in milliseconds).
 */
export interface GivenSettings {
  readonly minWorkers?: number | undefined
  readonly maxWorkers?: number | undefined
  readonly batchSize?: number | undefined
  readonly maxBatchDelay?: number | undefined
  readonly jobQueueSize?: number | undefined
  readonly responseTimeout?: number | undefined
  readonly startupTimeout?: number | undefined
  readonly maxRetryTimeoutInSec?: number | undefined
  readonly retry?: 'auto' | 'never' | undefined
  readonly clientTimeoutInMills?: number | undefined
  readonly maxQueueWait?: number | undefined
  readonly jobQueueBytes?: number | undefined
  readonly preferredBatchSizes?: readonly number[] | undefined
}

export interface SettingsSources {
  /** What the register call asked for. */
  readonly request: GivenSettings
  /** The archive's model-config.yaml; undefined where it has none. */
  readonly archive: GivenSettings | undefined
  /** The entry of the `models` key in config.properties. */
  readonly config: GivenSettings
  /** Whether it is loaded at start-up: there the `models` key counts for workers, later the request does. */
  readonly atStartup: boolean
  /** Workers where nobody says anything; undefined: that is found by measuring. */
  readonly defaultWorkers: number | undefined
  /** Server-wide defaults. */
  readonly defaultResponseTimeoutMs: number
  readonly defaultStartupTimeoutMs: number
  readonly defaultJobQueueSize: number
  readonly defaultJobQueueBytes: number
}

/** TorchServe's own default for both time-outs in a model-config.yaml that does not name them. */
const MODEL_CONFIG_TIMEOUT_S = 120
const GIVE_UP_S = 300

/**
 * The effective settings, by TorchServe's rules of precedence (ModelManager.createModel, ApiUtils.handleRegister):
 * batching from the request, then model-config.yaml, then `models`; time-outs from model-config.yaml if there is
 * one, then `models`, then the request; workers from model-config.yaml, then `models` (at start-up) or the request.
 */
export function effectiveSettings(sources: SettingsSources): ModelSettings {
  const { request, archive, config } = sources
  const batching = (key: 'batchSize' | 'maxBatchDelay') => request[key] ?? archive?.[key] ?? config[key]
  return {
    ...countWorkers(sources),
    batchSize: batching('batchSize') ?? 1,
    isBatchSizeGiven: batching('batchSize') !== undefined,
    maxBatchDelayMs: batching('maxBatchDelay') ?? 0,
    jobQueueSize: archive?.jobQueueSize ?? sources.defaultJobQueueSize,
    responseTimeoutMs: chooseTimeoutMs('responseTimeout', sources.defaultResponseTimeoutMs, sources),
    startupTimeoutMs: chooseTimeoutMs('startupTimeout', sources.defaultStartupTimeoutMs, sources),
    giveUpMs: 1000 * (archive?.maxRetryTimeoutInSec ?? GIVE_UP_S),
    ...chooseService(sources),
  }
}

/** What is served, for how long, and how often: ours, so that model-config.yaml simply wins over `models`. */
function chooseService({ archive, config, defaultJobQueueBytes }: SettingsSources) {
  const { clientTimeoutInMills, maxQueueWait, jobQueueBytes, preferredBatchSizes, retry } = {
    ...config,
    ...archive,
  }
  return {
    mayRetry: retry !== 'never',
    clientTimeoutMs: clientTimeoutInMills || Infinity,
    maxQueueWaitMs: maxQueueWait || Infinity,
    jobQueueBytes: jobQueueBytes ?? defaultJobQueueBytes,
    preferredBatchSizes: preferredBatchSizes ?? [],
  }
}

function countWorkers({ request, archive, config, atStartup, defaultWorkers }: SettingsSources) {
  for (const given of [archive, atStartup ? config : request]) {
    const range = rangeOf(given)
    if (range !== undefined) return { ...range, areWorkersFree: false }
  }
  // A register call may ask for none.
  const given = (atStartup ? undefined : request.minWorkers) ?? defaultWorkers
  const count = given ?? 1
  return { minWorkers: count, maxWorkers: count, areWorkersFree: given === undefined }
}

/** What a source says of the number of workers; undefined where that is nothing, or makes no sense. */
function rangeOf(given: GivenSettings | undefined) {
  if (given?.minWorkers === undefined) return undefined
  const { minWorkers, maxWorkers = minWorkers } = given
  return minWorkers > 0 && minWorkers <= maxWorkers ? { minWorkers, maxWorkers } : undefined
}

function chooseTimeoutMs(
  key: 'responseTimeout' | 'startupTimeout',
  serverDefaultMs: number,
  { request, archive, config }: SettingsSources,
): number {
  // Where there is no limit for anybody (debug), a model's own is none either.
  if (serverDefaultMs === Infinity) return Infinity
  if (archive !== undefined) return 1000 * (archive[key] ?? MODEL_CONFIG_TIMEOUT_S)
  const given = config[key] ?? request[key]
  return given === undefined ? serverDefaultMs : 1000 * given
}
