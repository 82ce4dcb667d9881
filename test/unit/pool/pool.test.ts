import { rm } from 'node:fs/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { Queue } from '../../../src/batching/queue.ts'
import { InlinePort, type InlineHost } from '../../../src/pool/inline-port.ts'
import { Pool, type PoolOptions } from '../../../src/pool/pool.ts'
import { WorkerEnded, type WorkerPort } from '../../../src/pool/port.ts'
import type { BatchReport, Job, Outcome } from '../../../src/pool/run-batch.ts'
import { itemOf, orderFor } from '../../support/load-order.ts'
import { waitFor } from '../../support/wait-for.ts'

type Run = InlineHost['run']

const timings = { preprocess: [1, 1], inference: [1, 2], postprocess: [2, 2] } as const
const never = new Promise<never>(() => {})

/** Answers each item with its own id. */
const echo: Run = (_verb, items) =>
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
afterEach(async () => {
  await Promise.all(pools.splice(0).map(pool => pool.scale(0).drained))
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true })
})

interface Setup extends Partial<Omit<PoolOptions, 'observer' | 'queue'>> {
  readonly batchSize?: number
  /** What the worker that is started as the nth does as it loads; the default loads at once. */
  readonly load?: (nth: number) => Promise<void>
  readonly run?: (nth: number) => Run
}

/** A pool of workers in this process, and all that its observer was told. */
async function makePool({ batchSize = 4, load, run = () => echo, ...options }: Setup = {}) {
  const queue = new Queue<Job, Outcome>({ capacity: 100, batchSize, maxDelayMs: 0 })
  const order = await orderFor('export default {}')
  folders.push(order.dir)
  const ports: InlinePort[] = []
  const steps: string[] = []
  const batches: BatchReport[] = []
  let ids = 0
  const pool = new Pool({
    queue,
    startupTimeoutMs: Infinity,
    responseTimeoutMs: Infinity,
    giveUpMs: 300_000,
    nextId: () => String(++ids),
    openPort: (): { port: WorkerPort; order: typeof order } => {
      const nth = ports.length
      const port = new InlinePort(async () => {
        await load?.(nth)
        return { loaded: { graph: undefined, loadMs: 1 }, run: run(nth) }
      })
      ports.push(port)
      return { port, order }
    },
    observer: {
      onLoaded: () => {},
      onState: (worker, state, reason) =>
        steps.push(`${worker} ${state}${reason === '' ? '' : `: ${reason}`}`),
      onBatch: batch => batches.push(batch),
    },
    ...options,
  })
  pools.push(pool)
  const ask = (text: string, verb: Job['verb'] = 'predict') => {
    const answer = queue.push({ verb, item: itemOf(text) })
    if (answer === undefined) throw new Error('The queue is full')
    return answer.then(outcome => {
      if (!outcome.answer.ok) throw new Error(outcome.answer.code)
      return Buffer.from(outcome.answer.body).toString()
    })
  }
  return { pool, queue, ports, steps, batches, ask }
}

test('a worker starts, serves, drains and stops', async () => {
  const { pool, steps, ask } = await makePool()
  expect(pool.canServe).toBe(false)
  await pool.scale(1).ready
  expect(pool.workers()).toMatchObject([{ id: '1', state: 'ready', reason: '' }])
  expect(await ask('a')).toBe('request a')
  await pool.scale(0).drained
  expect(steps).toEqual(['1 starting', '1 ready', '1 draining', '1 stopped'])
  expect(pool.workers()).toEqual([])
})

test('several workers share one queue and give each request its own answer', async () => {
  const { pool, batches, ask } = await makePool({ batchSize: 3 })
  await pool.scale(3).ready
  const texts = Array.from({ length: 100 }, (_, index) => String(index))
  expect(await Promise.all(texts.map(text => ask(text)))).toEqual(texts.map(text => `request ${text}`))
  expect(batches.reduce((sum, { size }) => sum + size, 0)).toBe(100)
  expect(Math.max(...batches.map(({ size }) => size))).toBeLessThanOrEqual(3)
})

test('what waits while a worker is busy becomes one batch', async () => {
  const first = Promise.withResolvers<void>()
  let runs = 0
  const { pool, batches, ask } = await makePool({
    run: () => async (verb, items) => {
      if (++runs === 1) await first.promise
      return echo(verb, items)
    },
  })
  await pool.scale(1).ready
  const answers = [ask('a')]
  await waitFor('the first run', () => runs === 1)
  answers.push(ask('b'), ask('c'), ask('d'))
  first.resolve()
  await Promise.all(answers)
  expect(batches.map(({ size }) => size)).toEqual([1, 3])
})

test('a handler gets requests of one verb at a time', async () => {
  const seen: string[] = []
  const { pool, ask } = await makePool({
    run: () => (verb, items) => {
      seen.push(`${verb} ${items.map(({ requestId }) => requestId).join()}`)
      return echo(verb, items)
    },
  })
  const answers = [ask('a'), ask('b', 'explain'), ask('c')]
  await pool.scale(1).ready
  expect(await Promise.all(answers)).toEqual(['request a', 'request b', 'request c'])
  expect(seen).toEqual(['predict request a,request c', 'explain request b'])
})

describe('a worker that dies', () => {
  test('fails its own batch only and is replaced at once', async () => {
    let runs = 0
    const { pool, ports, steps, ask } = await makePool({
      run: nth => (verb, items) => (runs++, nth === 0 ? never : echo(verb, items)),
    })
    await pool.scale(1).ready
    const lost = ask('a')
    await waitFor('the run', () => runs === 1)
    const waiting = ask('c')
    ports[0]?.kill('was ended by SIGKILL')
    await expect(lost).rejects.toMatchObject({
      code: 'WORKER_DIED',
      http: 500,
      message: 'Worker died.',
      reason: 'The worker was ended by SIGKILL.',
    })
    expect(await waiting).toBe('request c')
    expect(steps).toEqual([
      '1 starting',
      '1 ready',
      '1 waiting: was ended by SIGKILL',
      '1 starting',
      '1 ready',
    ])
  })

  test('while it has nothing to do is replaced too', async () => {
    const { pool, ports, ask } = await makePool()
    await pool.scale(1).ready
    ports[0]?.kill('was ended by SIGSEGV')
    await waitFor('a new worker', () => ports.length === 2 && pool.readyCount === 1)
    expect(await ask('a')).toBe('request a')
  })

  test('of too much memory answers 507', async () => {
    const { pool, ask } = await makePool({
      run: nth => (nth === 0 ? () => Promise.reject(new WorkerEnded('x', { outOfMemory: true })) : echo),
    })
    await pool.scale(1).ready
    await expect(ask('a')).rejects.toMatchObject({ code: 'WORKER_DIED', http: 507 })
  })

  test('does not answer in time: it is ended, and the next request is answered', async () => {
    const { pool, ask } = await makePool({
      responseTimeoutMs: 30,
      run: nth => (nth === 0 ? () => never : echo),
    })
    await pool.scale(1).ready
    await expect(ask('a')).rejects.toMatchObject({ reason: 'The worker did not answer within 0.03 s.' })
    expect(await ask('b')).toBe('request b')
  })

  test('gives an answer that makes no sense: it is ended and replaced', async () => {
    const { pool, ask, ports } = await makePool({
      // What a broken worker could send: nothing of what the types promise.
      run: nth => (nth === 0 ? () => Promise.resolve({ answers: [] } as never) : echo),
    })
    await pool.scale(1).ready
    await expect(ask('a')).rejects.toMatchObject({ code: 'WORKER_DIED' })
    expect(await ask('b')).toBe('request b')
    expect(ports).toHaveLength(2)
  })
})

describe('a worker that does not come up', () => {
  const refuse = () => Promise.reject(new Error('no vocabulary'))

  test('waits and says why', async () => {
    const { pool, steps } = await makePool({ load: refuse })
    await expect(pool.scale(1).ready).rejects.toThrow('no vocabulary')
    await waitFor('its state', () => pool.workers()[0]?.state === 'waiting')
    expect(steps).toEqual(['1 starting', '1 waiting: no vocabulary'])
    expect(pool.canServe).toBe(true)
    await pool.scale(0).drained
    expect(steps.at(-1)).toMatch(/^1 stopped/)
  })

  test('comes up at a later try', async () => {
    const { pool, ask } = await makePool({ load: nth => (nth === 0 ? refuse() : Promise.resolve()) })
    await expect(pool.scale(1).ready).rejects.toThrow('no vocabulary')
    expect(await ask('a')).toBe('request a')
  })

  test('is given up once its time is over, and stays to be seen', async () => {
    const { pool, steps } = await makePool({ load: refuse, giveUpMs: 0 })
    await expect(pool.scale(1).ready).rejects.toThrow('no vocabulary')
    await waitFor('its state', () => pool.workers()[0]?.state === 'failed')
    expect(pool.workers()).toMatchObject([{ state: 'failed', reason: 'no vocabulary' }])
    expect(pool.canServe).toBe(false)
    await pool.scale(0).drained
    expect(steps.at(-1)).toBe('1 stopped: no vocabulary')
  })

  test('in time is ended', async () => {
    const { pool } = await makePool({ load: () => never, startupTimeoutMs: 30, giveUpMs: 0 })
    await expect(pool.scale(1).ready).rejects.toThrow('did not load its model within 0.03 s')
  })

  test('for want of a process is told as well', async () => {
    const { pool } = await makePool({
      giveUpMs: 0,
      openPort: () => {
        throw new WorkerEnded('could not be started')
      },
    })
    await expect(pool.scale(1).ready).rejects.toThrow('could not be started')
  })
})

describe('a worker that is to leave', () => {
  test('finishes what it runs and takes nothing more', async () => {
    const gate = Promise.withResolvers<void>()
    let runs = 0
    const { pool, queue, ask } = await makePool({
      batchSize: 1,
      run: () => async (verb, items) => {
        runs++
        await gate.promise
        return echo(verb, items)
      },
    })
    await pool.scale(1).ready
    const running = ask('a')
    await waitFor('the run', () => runs === 1)
    ask('b').catch(() => {})
    const { drained } = pool.scale(0)
    gate.resolve()
    expect(await running).toBe('request a')
    await drained
    expect([queue.length, runs]).toEqual([1, 1])
    queue.rejectAll(new Error('nobody left'))
  })

  test('leaves at once where it has not loaded yet', async () => {
    const { pool, steps } = await makePool({ load: () => never })
    const { ready } = pool.scale(1)
    ready.catch(() => {})
    await pool.scale(0).drained
    await expect(ready).rejects.toThrow('was stopped while it started')
    expect(steps.at(-1)).toMatch(/^1 stopped/)
  })

  test('is one of those beyond the number asked for', async () => {
    const { pool } = await makePool()
    await pool.scale(3).ready
    await pool.scale(1).drained
    expect(pool.size).toBe(1)
    await pool.scale(2).ready
    expect(pool.workers().map(({ state }) => state)).toEqual(['ready', 'ready'])
  })
})
