import type { Model } from './model.ts'
import type { WorkerInfo } from '../pool/pool.ts'

/** A model as `GET /models/{model}` shows it: TorchServe's fields in its order, then ours. */
export function describeModel(model: Model): Record<string, unknown> {
  const { settings, pool, archive, queueLength } = model
  const { state, reason } = model.health()
  return {
    modelName: model.name,
    modelVersion: model.version,
    modelUrl: archive.file,
    runtime: archive.manifest.runtime,
    minWorkers: settings.minWorkers,
    maxWorkers: settings.maxWorkers,
    batchSize: settings.batchSize,
    maxBatchDelay: settings.maxBatchDelayMs,
    responseTimeout: settings.responseTimeoutMs / 1000,
    startupTimeout: settings.startupTimeoutMs / 1000,
    maxRetryTimeoutInSec: settings.giveUpMs / 1000,
    clientTimeoutInMills: Number.isFinite(settings.clientTimeoutMs) ? settings.clientTimeoutMs : 0,
    ...NOT_OURS,
    loadedAtStartup: model.loadedAtStartup,
    workers: pool.workers().map(describeWorker),
    jobQueueStatus: {
      remainingCapacity: Math.max(0, settings.jobQueueSize - queueLength),
      pendingRequests: queueLength,
    },
    ...describeBatches(model),
    state,
    ...(reason === '' ? {} : { reason }),
    ...(pool.graph === undefined ? {} : { inputs: pool.graph.inputs, outputs: pool.graph.outputs }),
  }
}

/** How large batches get, and what was measured for that: milliseconds of one run by the rows it had. */
function describeBatches({ batchLimit, tuning }: Model): Record<string, unknown> {
  const { tuned } = tuning ?? {}
  if (tuned === undefined) return { batchLimit }
  const runMs = Object.fromEntries(tuned.runMs.map(({ size, ms }) => [size, ms]))
  return { batchLimit, measured: { threads: tuned.threads, runMs } }
}

/** TorchServe's fields for what Sconce has not: clients read them all the same. */
const NOT_OURS = {
  parallelType: '',
  parallelLevel: 0,
  deviceType: 'cpu',
  continuousBatching: false,
  useJobTicket: false,
  useVenv: false,
  stateful: false,
  sequenceMaxIdleMSec: 0,
  sequenceTimeoutMSec: 0,
  maxNumSequence: 0,
  maxSequenceJobQueueSize: 0,
}

function describeWorker(worker: WorkerInfo): Record<string, unknown> {
  return {
    id: worker.id,
    startTime: worker.startedAt.toISOString(),
    // TorchServe knows these two only; `state` says it in full.
    status: worker.state === 'ready' ? 'READY' : 'UNLOADING',
    memoryUsage: worker.memoryBytes ?? 0,
    pid: worker.pid ?? 0,
    gpu: false,
    gpuUsage: 'N/A',
    state: worker.state,
    ...(worker.reason === '' ? {} : { reason: worker.reason }),
  }
}
