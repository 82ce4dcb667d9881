import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openHost } from '../../../src/worker/host.ts'
import type { LoadOrder } from '../../../src/worker/protocol.ts'
import { orderFor } from '../../support/load-order.ts'
import { digitsOnnx, fraudOnnx } from '../../support/model-store.ts'
import { waitFor } from '../../support/wait-for.ts'

const COUNTING = `
const seen = []
export default {
  preprocess(input) { seen.push(input.data); return {} },
  inference(batch) { return batch },
  postprocess() { return 'fine' },
  describe() { return seen },
`

const OPEN_COUNT = 'const seen = (globalThis.warmUpCount = [])'

async function open(handler: string, more: Partial<LoadOrder> = {}) {
  const order = await orderFor(handler, { isWarmedUp: true, ...more })
  const said: string[] = []
  return { order, said, open: () => openHost(order, (level, message) => said.push(`${level}: ${message}`)) }
}

async function seenBy(host: Awaited<ReturnType<typeof openHost>>): Promise<unknown[]> {
  const { answers } = await host.run('describe', [{ requestId: '', headers: {}, parameters: [] }])
  const [answer] = answers
  if (answer?.ok !== true) throw new Error('The handler does not describe itself')
  return JSON.parse(Buffer.from(answer.body).toString()) as unknown[]
}

const item = { requestId: '', headers: {}, parameters: [] }

test('a handler that says a sample gets it before the first client does', async () => {
  const sample = `sample() { return { contentType: 'text/plain', body: 'hello' } } }`
  const { open: start, said } = await open(COUNTING + sample)
  const seen = await seenBy(await start())
  expect(seen).toEqual(expect.arrayContaining(['hello', 'hello', 'hello']))
  expect(new Set(seen)).toEqual(new Set(['hello']))
  expect(said).toEqual(['debug: Warmed up'])
})

test('a worker goes on with the sample of a quick model as long as nobody asks', async () => {
  const sample = `sample() { return { body: 'on and on' } } }`
  const { open: start } = await open(COUNTING.replace('const seen = []', OPEN_COUNT) + sample)
  await start()
  const count = () => Reflect.get(globalThis, 'warmUpCount') as unknown[]
  expect(count().length).toBeLessThan(30)
  await waitFor('thirty requests of the warm-up', () => count().length === 30)
})

test('a request ends the warm-up, and waits for what is under way of it', async () => {
  const slow = `preprocess(input) { seen.push(input.data); return new Promise(done => setImmediate(done, {})) },`
  const sample = `sample() { return { contentType: 'text/plain', body: 'hello' } } }`
  const { open: start } = await open(COUNTING.replace(/preprocess.*/, slow) + sample, { batchLimit: 4 })
  const host = await start()
  const { answers } = await host.run('predict', [item])
  const seen = await seenBy(host)
  expect(answers).toMatchObject([{ ok: true }])
  expect(seen.slice(0, -1)).toEqual(Array.from({ length: seen.length - 1 }, () => 'hello'))
  expect(seen.length).toBeLessThan(10)
  expect(await seenBy(host)).toEqual(seen)
})

test('a handler with verbs of its own is not run with what is made up', async () => {
  const { open: start } = await open(`${COUNTING} }`)
  expect(await seenBy(await start())).toEqual([])
})

test('a recorded sample of the archive comes before all others', async () => {
  const config = { warmup: { sample: 'request.json' } }
  const { open: start, order } = await open(`${COUNTING} }`, { config })
  await writeFile(join(order.dir, 'request.json'), '{"a": 1}')
  expect((await seenBy(await start()))[0]).toEqual({ a: 1 })
})

test.each([
  ['a file that is not there', { warmup: { sample: 'none.json' } }],
  ['a path', { warmup: { sample: '../none.json' } }],
])('%s as a sample is told and fails nothing', async (_, config) => {
  const { open: start, said } = await open(`${COUNTING} }`, { config })
  const { answers } = await (await start()).run('predict', [item])
  expect(answers).toMatchObject([{ ok: true }])
  expect(said[0]).toBe('warn: The warm-up failed; the first requests may take longer')
})

test('a sample that the model refuses is told and fails nothing', async () => {
  const { open: start, said } = await open(`export default { sample() { return { body: 'not numbers' } } }`, {
    modelFile: fraudOnnx,
  })
  await start()
  expect(said[0]).toBe('warn: The model refuses the sample of its warm-up')
})

test('warm-up is switched off by the server or by the model', async () => {
  const sample = `sample() { return { body: 'hello' } } }`
  for (const off of [{ isWarmedUp: false }, { config: { warmup: false } }]) {
    const { open: start } = await open(COUNTING + sample, off)
    expect(await seenBy(await start())).toEqual([])
  }
})

test('a worker that is to measure says threads and the size up to which batching pays', async () => {
  const measure = { mostRows: 8, mostThreads: 2, areWorkersFree: true }
  const { open: start, said } = await open('export default {}', { modelFile: digitsOnnx, measure })
  const { tuned } = (await start()).loaded
  expect(tuned).toMatchObject({ threads: 1, workers: 1 })
  expect(tuned?.runMs.map(({ size }) => size).slice(0, 2)).toEqual([1, 2])
  expect([1, 2, 4, 8]).toContain(tuned?.batchLimit)
  expect(said[0]).toBe('info: Measured the model on this machine')
})

test('a handler with an inference of its own is not measured', async () => {
  const measure = { mostRows: 8, mostThreads: 1, areWorkersFree: false }
  const { open: start } = await open(`${COUNTING} }`, { modelFile: digitsOnnx, measure })
  expect((await start()).loaded.tuned).toBeUndefined()
})
