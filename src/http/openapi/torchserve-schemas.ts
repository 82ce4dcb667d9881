/** What TorchServe's APIs send and take. */
import { FLAG, TEXT, WHOLE, list, object, ref, type Json } from './operation.ts'

const COUNT = { type: 'integer', minimum: 0 } as const

const WORKER = object(
  {
    id: TEXT,
    startTime: { type: 'string', format: 'date-time' },
    status: { enum: ['READY', 'UNLOADING'] },
    memoryUsage: { ...COUNT, description: 'Bytes.' },
    pid: WHOLE,
    gpu: FLAG,
    gpuUsage: TEXT,
    state: { ...TEXT, description: 'The state in full, as in the log.' },
    reason: { ...TEXT, description: 'Why it is in this state.' },
  },
  ['id', 'startTime', 'status', 'memoryUsage', 'pid', 'gpu', 'state'],
)

const GRAPH_TENSOR = object({
  name: TEXT,
  type: { ...TEXT, description: 'As ONNX Runtime spells it: float32, int64, string.' },
  shape: list({ type: ['integer', 'string'], description: 'A size, or the name of an axis of any size.' }),
})

const DESCRIPTION = object(
  {
    modelName: TEXT,
    modelVersion: TEXT,
    modelUrl: TEXT,
    runtime: TEXT,
    minWorkers: COUNT,
    maxWorkers: COUNT,
    batchSize: COUNT,
    maxBatchDelay: { ...COUNT, description: 'Milliseconds.' },
    responseTimeout: { type: ['number', 'null'], description: 'Seconds; null: none.' },
    startupTimeout: { type: ['number', 'null'], description: 'Seconds; null: none.' },
    maxRetryTimeoutInSec: { type: 'number' },
    loadedAtStartup: FLAG,
    workers: list(ref('Worker')),
    jobQueueStatus: object({ remainingCapacity: COUNT, pendingRequests: COUNT }),
    state: { ...TEXT, description: 'Such as ready, loading, degraded, failed.' },
    reason: TEXT,
    inputs: { ...list(ref('GraphTensor')), description: 'Known once a worker has loaded the graph.' },
    outputs: list(ref('GraphTensor')),
    customizedMetadata: { description: 'With customized=true: what the handler tells of itself.' },
  },
  ['modelName', 'modelVersion', 'modelUrl', 'minWorkers', 'maxWorkers', 'batchSize', 'workers', 'state'],
)

/** TorchServe's calls take their parameters in the query, or some as JSON: numbers may be text. */
const NUMBER_OR_TEXT = { type: ['integer', 'string'] } as const

const REGISTRATION = object(
  {
    url: TEXT,
    model_name: TEXT,
    handler: TEXT,
    runtime: TEXT,
    batch_size: NUMBER_OR_TEXT,
    max_batch_delay: NUMBER_OR_TEXT,
    response_timeout: NUMBER_OR_TEXT,
    startup_timeout: NUMBER_OR_TEXT,
    initial_workers: NUMBER_OR_TEXT,
    synchronous: { type: ['boolean', 'string'] },
  },
  ['url'],
)

export const TORCHSERVE_SCHEMAS: Json = {
  Failure: object(
    {
      code: { ...WHOLE, description: 'The HTTP status.' },
      type: { ...TEXT, description: 'Name of the exception that TorchServe has for it.' },
      message: TEXT,
      reason: { ...TEXT, description: 'What more can be said about the circumstances.' },
    },
    ['code', 'type', 'message'],
  ),
  Health: object(
    {
      ready: FLAG,
      draining: { ...FLAG, description: 'The server is about to stop.' },
      reasons: { ...list(TEXT), description: 'What is in the way; where keys are needed, it is left out.' },
      warnings: {
        ...list(TEXT),
        description: 'Which models were given up while others serve; left out as reasons.',
      },
      models: list(
        object(
          {
            name: TEXT,
            version: TEXT,
            default: FLAG,
            ready: FLAG,
            state: TEXT,
            workers: object({ ready: COUNT, wanted: COUNT }),
            reason: TEXT,
          },
          ['name', 'version', 'default', 'ready', 'state', 'workers'],
        ),
      ),
    },
    ['ready', 'draining'],
  ),
  Status: object({ status: TEXT }),
  ModelList: object(
    {
      nextPageToken: { ...TEXT, description: 'Where the next page begins; absent on the last.' },
      models: list(object({ modelName: TEXT, modelUrl: TEXT })),
    },
    ['models'],
  ),
  ModelDescriptions: list(ref('ModelDescription')),
  ModelDescription: DESCRIPTION,
  Worker: WORKER,
  GraphTensor: GRAPH_TENSOR,
  Registration: REGISTRATION,
}
