import { afterEach, describe, expect, test } from 'vitest'
import { WorkerEnded } from '../../../src/pool/port.ts'
import { itemOf } from '../../support/load-order.ts'
import { closePools, echo, makePool, type Run, type Setup } from '../../support/pool.ts'
import { failureOf } from '../../support/queue.ts'
import { waitFor } from '../../support/wait-for.ts'

const never = new Promise<never>(() => {})

afterEach(closePools)

describe('a worker that dies', () => {
  test('loses nothing: what it ran is run by the worker that replaces it at once', async () => {
    let runs = 0
    const { pool, ports, steps, deaths, ask } = await makePool({
      run: nth => (verb, items) => (runs++, nth === 0 ? never : echo(verb, items)),
    })
    await pool.scale(1).ready
    const first = ask('a')
    await waitFor('the run', () => runs === 1)
    const waiting = ask('c')
    ports[0]?.kill('was ended by SIGKILL')
    expect(await Promise.all([first, waiting])).toEqual(['request a', 'request c'])
    expect(deaths).toEqual([
      { worker: '1', size: 1, isRetried: true, isRetry: false, why: 'was ended by SIGKILL' },
    ])
    expect(steps).toEqual([
      '1 starting',
      '1 ready',
      '1 waiting: was ended by SIGKILL',
      '1 starting: was ended by SIGKILL',
      '1 ready',
    ])
  })

  test('runs nothing again that nobody waits for any more, and does not say so', async () => {
    let runs = 0
    const { pool, queue, ports, deaths, ask } = await makePool({
      run: nth => (verb, items) => (runs++, nth === 0 ? never : echo(verb, items)),
    })
    await pool.scale(1).ready
    const deadline = performance.now() + 200
    const late = queue.push({ verb: 'predict', item: itemOf('late') }, { deadline })
    const other = ask('a')
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_PASSED' })
    expect(runs).toBe(1)
    ports[0]?.kill('was ended by SIGKILL')
    expect(await other).toBe('request a')
    expect(deaths).toMatchObject([{ size: 1, isRetried: true }])
  })

  test('while it has nothing to do is replaced too', async () => {
    const { pool, ports, ask } = await makePool()
    await pool.scale(1).ready
    ports[0]?.kill('was ended by SIGSEGV')
    await waitFor('a new worker', () => ports.length === 2 && pool.readyCount === 1)
    expect(await ask('a')).toBe('request a')
  })

  test('of too much memory twice with one request answers 507', async () => {
    const { pool, ask } = await makePool({
      run: nth => (nth < 2 ? () => Promise.reject(new WorkerEnded('x', { outOfMemory: true })) : echo),
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

  test('gives answers that make no sense: it is ended and replaced', async () => {
    const { pool, ask, ports } = await makePool({
      // What a broken worker could send: nothing of what the types promise.
      run: nth => (nth < 2 ? () => Promise.resolve({ answers: [] } as never) : echo),
    })
    await pool.scale(1).ready
    await expect(ask('a')).rejects.toMatchObject({ code: 'WORKER_DIED' })
    expect(await ask('b')).toBe('request b')
    expect(ports).toHaveLength(3)
  })
})

/** A worker that dies of a text, and after that of nothing. */
const diesOf =
  (poison: string, died: string[][] = []) =>
  (): Run =>
  (verb, items) => {
    const texts = items.map(({ requestId }) => requestId.slice('request '.length))
    if (!texts.includes(poison)) return echo(verb, items)
    died.push(texts)
    return Promise.reject(new WorkerEnded('was ended by SIGSEGV'))
  }

describe('a request that kills its worker', () => {
  test('is found by halves and fails alone; its neighbours are answered', async () => {
    const died: string[][] = []
    const { pool, ask } = await makePool({ batchSize: 8, run: diesOf('f', died) })
    const answers = 'abcdefgh'.split('').map(text => ask(text))
    await pool.scale(1).ready
    const settled = await Promise.allSettled(answers)
    expect(settled.map(each => (each.status === 'fulfilled' ? each.value : '-'))).toEqual(
      'abcde-gh'.split('').map(text => (text === '-' ? '-' : `request ${text}`)),
    )
    expect(await failureOf(answers[5] ?? never)).toMatchObject({
      code: 'WORKER_DIED',
      http: 500,
      message: 'Worker died.',
      reason: 'The worker was ended by SIGSEGV.',
    })
    expect(died.map(texts => texts.join(''))).toEqual(['abcdefgh', 'efgh', 'ef', 'f'])
  })

  test('gets a second try where it was alone from the start', async () => {
    const died: string[][] = []
    const { pool, deaths, ask } = await makePool({ run: diesOf('a', died) })
    await pool.scale(1).ready
    await expect(ask('a')).rejects.toMatchObject({ code: 'WORKER_DIED' })
    expect(died).toEqual([['a'], ['a']])
    expect(deaths.map(({ isRetried, isRetry }) => [isRetried, isRetry])).toEqual([
      [true, false],
      [false, true],
    ])
  })

  test('among many at full load fails alone, on several workers', async () => {
    const { pool, ask } = await makePool({ batchSize: 4, run: diesOf('13') })
    const texts = Array.from({ length: 60 }, (_, index) => String(index))
    await pool.scale(2).ready
    const settled = await Promise.allSettled(texts.map(text => ask(text)))
    const failed = settled.flatMap((each, index) => (each.status === 'rejected' ? [index] : []))
    expect(failed).toEqual([13])
  })

  test('is not repeated where the model says so', async () => {
    const died: string[][] = []
    const { pool, ask } = await makePool({ mayRetry: false, batchSize: 2, run: diesOf('a', died) })
    const answers = [ask('a'), ask('b')]
    await pool.scale(1).ready
    for (const answer of answers) await expect(answer).rejects.toMatchObject({ code: 'WORKER_DIED' })
    expect(died).toEqual([['a', 'b']])
  })
})

describe('a batch that waits in a worker behind another', () => {
  const gated = () => {
    const gate = Promise.withResolvers<void>()
    const runs: string[] = []
    const run =
      (nth: number): Run =>
      async (verb, items) => {
        runs.push(`${nth}: ${items.map(({ requestId }) => requestId).join()}`)
        if (runs.length === 2) await gate.promise
        return echo(verb, items)
      }
    return { gate, runs, run }
  }

  /** Its first answer tells that it is fast; then b runs, and c, d wait for it, one of them in the worker. */
  async function fill(setup: ReturnType<typeof gated>, options: Setup = {}) {
    const pool = await makePool({ batchSize: 1, run: setup.run, ...options })
    await pool.pool.scale(1).ready
    await pool.ask('a')
    const answers = ['b', 'c', 'd'].map(text => pool.ask(text))
    await waitFor('the run', () => setup.runs.length === 2 && pool.queue.length === 1)
    return { ...pool, answers }
  }

  test('runs when the other one is done', async () => {
    const setup = gated()
    const { answers } = await fill(setup)
    setup.gate.resolve()
    expect(await Promise.all(answers)).toEqual(['request b', 'request c', 'request d'])
    expect(setup.runs).toEqual(['0: request a', '0: request b', '0: request c', '0: request d'])
  })

  test('is run by another worker where its own dies, and alone', async () => {
    const setup = gated()
    const { ports, answers, deaths } = await fill(setup)
    ports[0]?.kill('was ended by SIGKILL')
    expect(await Promise.all(answers)).toEqual(['request b', 'request c', 'request d'])
    expect(deaths).toHaveLength(1)
  })

  test('has its own time, which begins when the other one is done', async () => {
    const setup = gated()
    const { answers, ask } = await fill(setup, { responseTimeoutMs: 50 })
    const [first, ...others] = answers
    await expect(first).rejects.toMatchObject({ reason: 'The worker did not answer within 0.05 s.' })
    expect(await Promise.all(others)).toEqual(['request c', 'request d'])
    expect(await ask('e')).toBe('request e')
  })
})
