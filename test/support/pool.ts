import { rm } from 'node:fs/promises'
import { Queue } from '../../src/batching/queue.ts'
import { InlinePort, type InlineHost } from '../../src/pool/inline-port.ts'
import { Pool, type PoolOptions } from '../../src/pool/pool.ts'
import type { WorkerPort } from '../../src/pool/port.ts'
import type { BatchReport, DeathReport, Job, Outcome } from '../../src/pool/run-batch.ts'
import { itemOf, orderFor } from './load-order.ts'

/** What a worker does with a batch. */
export type Run = InlineHost['run']

const timings = { preprocess: [1, 1], inference: [1, 2], postprocess: [2, 2] } as const
/** Answers each item with its own id. */
export const echo: Run = (_verb, items) =>
  Promise.resolve({
    answers: items.map(({ requestId }) => ({
      ok: true,
      status: 200,
      contentType: '',
      headers: {},
      body: Buffer.from(requestId),
    })),
    timings,
    metrics: [],
  })

const pools: Pool[] = []
const folders: string[] = []
/** For `afterEach`: ends what tests made. */
export async function closePools(): Promise<void> {
  await Promise.all(pools.splice(0).map(pool => pool.scale(0).drained))
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true })
}

export interface Setup extends Partial<Omit<PoolOptions, 'observer' | 'queue'>> {
  readonly batchSize?: number
  /** What the worker that is started as the nth does as it loads; the default loads at once. */
  readonly load?: (nth: number) => Promise<void>
  readonly run?: (nth: number) => Run
}

/** A pool of workers in this process, and all that its observer was told. */
export async function makePool({ batchSize = 4, load, run = () => echo, ...options }: Setup = {}) {
  const queue = new Queue<Job, Outcome>({ capacity: 100, batchSize, maxDelayMs: 0 })
  const order = await orderFor('export default {}')
  folders.push(order.dir)
  const ports: InlinePort[] = []
  const steps: string[] = []
  const most = { runs: 0 }
  const batches: BatchReport[] = []
  const deaths: DeathReport[] = []
  const discarded: string[] = []
  let ids = 0
  const pool = new Pool({
    queue,
    startupTimeoutMs: Infinity,
    responseTimeoutMs: Infinity,
    giveUpMs: 300_000,
    mayRetry: true,
    nextId: () => String(++ids),
    openPort: (): { port: WorkerPort; order: typeof order } => {
      const nth = ports.length
      const port = new InlinePort(async () => {
        await load?.(nth)
        return { loaded: { graph: undefined, loadMs: 1 }, run: run(nth) }
      })
      ports.push(port)
      return { port: counted(port, count => (most.runs = Math.max(most.runs, count))), order }
    },
    observer: {
      onLoaded: () => {},
      onState: (worker, state, reason) =>
        steps.push(`${worker} ${state}${reason === '' ? '' : `: ${reason}`}`),
      onBatch: batch => batches.push(batch),
      onDeath: death => deaths.push(death),
      onDiscarded: cause => discarded.push(cause),
    },
    ...options,
  })
  pools.push(pool)
  const ask = (text: string, verb: Job['verb'] = 'predict') => {
    const answer = queue.push({ verb, item: itemOf(text) })
    if (!(answer instanceof Promise)) throw new Error('The queue is full')
    return answer.then(outcome => {
      if (!outcome.answer.ok) throw new Error(outcome.answer.code)
      return Buffer.from(outcome.answer.body).toString()
    })
  }
  return { pool, queue, ports, steps, batches, deaths, discarded, most, ask }
}

/** The same port; tells how many runs it has. */
function counted(port: InlinePort, tell: (count: number) => void): WorkerPort {
  let count = 0
  return {
    pid: undefined,
    outgrown: undefined,
    ended: port.ended,
    load: order => port.load(order),
    run: (verb, items) => {
      tell(++count)
      return port.run(verb, items).finally(() => count--)
    },
    memoryBytes: () => port.memoryBytes(),
    stop: () => port.stop(),
    kill: reason => port.kill(reason),
  }
}
