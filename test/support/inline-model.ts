import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openArchive } from '../../src/archive/reader.ts'
import { Model, type ModelObserver } from '../../src/models/model.ts'
import type { ModelSettings } from '../../src/models/settings.ts'
import { InlinePort } from '../../src/pool/inline-port.ts'
import { openHost } from '../../src/worker/host.ts'
import { orderFor } from './load-order.ts'
import { makeStore } from './model-store.ts'

const SETTINGS: ModelSettings = {
  minWorkers: 1,
  maxWorkers: 1,
  batchSize: 4,
  isBatchSizeGiven: true,
  areWorkersFree: false,
  maxBatchDelayMs: 0,
  jobQueueSize: 2,
  responseTimeoutMs: 60_000,
  startupTimeoutMs: 60_000,
  giveUpMs: 0,
  mayRetry: true,
  clientTimeoutMs: Infinity,
  maxQueueWaitMs: Infinity,
  jobQueueBytes: 1_000_000,
  preferredBatchSizes: [],
}

const nobody: ModelObserver = {
  onOpened: () => {},
  onLoaded: () => {},
  onState: () => {},
  onBatch: () => {},
  onDeath: () => {},
  onDiscarded: () => {},
  onDropped: () => {},
  onCircuit: () => {},
  onClosed: () => {},
}

export interface InlineModel {
  readonly name: string
  readonly version?: string
  readonly handler: string
  readonly observer?: ModelObserver
}

/** A model with a handler of this source, whose workers are in this process; it has none before `pool.scale`. */
export async function makeInlineModel({
  name,
  version = '1.0',
  handler,
  observer = nobody,
}: InlineModel): Promise<Model> {
  const store = await makeStore()
  await store.addHandler(name, { handler, version })
  const archive = await openArchive(join(store.dir, `${name}-${version}`), { workDir: store.dir })
  const order = await orderFor(handler, { name, version })
  let ids = 0
  return new Model({
    name,
    version,
    archive: {
      ...archive,
      release: async () => {
        await store.remove()
        await rm(order.dir, { recursive: true })
      },
    },
    settings: SETTINGS,
    loadedAtStartup: true,
    observer,
    pool: {
      nextId: () => String(++ids),
      openPort: () => ({ port: new InlinePort(loading => openHost(loading, () => {})), order }),
    },
  })
}
