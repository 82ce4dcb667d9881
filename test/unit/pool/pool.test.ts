import { afterEach, describe, expect, test } from 'vitest'
import { WorkerEnded } from '../../../src/pool/port.ts'
import { closePools, echo, makePool } from '../../support/pool.ts'
import { waitFor } from '../../support/wait-for.ts'

const never = new Promise<never>(() => {})

afterEach(closePools)

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

test('a worker has two runs at most, whatever the verbs of what it is given', async () => {
  const { pool, most, ask } = await makePool({
    batchSize: 4,
    run: () => async (verb, items) => {
      await new Promise(resolve => setImmediate(resolve)) // As a worker of its own, it takes a turn.
      return echo(verb, items)
    },
  })
  await pool.scale(1).ready
  await ask('warm')
  const verbs = ['predict', 'explain', 'describe', 'infer'] as const
  const answers = Array.from({ length: 60 }, (_, index) => ask(String(index), verbs[index % 4]))
  expect(await Promise.all(answers)).toHaveLength(60)
  expect(most.runs).toBe(2)
})

describe('a worker that does not come up', () => {
  const refuse = () => Promise.reject(new Error('no vocabulary'))

  test('waits and says why', async () => {
    const { pool, steps } = await makePool({ load: refuse })
    await expect(pool.scale(1).ready).rejects.toThrow('no vocabulary')
    await waitFor('its state', () => pool.workers()[0]?.state === 'waiting')
    expect(steps).toEqual(['1 starting', '1 waiting: no vocabulary'])
    // Nobody waits for a model that was refused, although it is tried again.
    expect(pool.canServe).toBe(false)
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
