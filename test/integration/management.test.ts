/** Models come, change and go while clients predict. */
import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { makeZip } from '../support/hostile-archives.ts'
import { startManaged, type Managed, type Said } from '../support/managed.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { isAlive } from '../support/processes.ts'
import { serveFiles } from '../support/serve-files.ts'
import { waitFor } from '../support/wait-for.ts'

const answers = (text: string) => `export default {
  preprocess: input => input, inference: batch => batch, postprocess: () => '${text}',
}
`
/** Takes its time for each batch of one. */
const slow = `export default {
  preprocess: input => input,
  async inference(batch) { await new Promise(resolve => setTimeout(resolve, 100)); return batch },
  postprocess: () => 'late',
}
`

let store: ModelStore
let managed: Managed

beforeAll(async () => {
  store = await makeStore()
  await store.addHandler('model', { handler: answers('one'), version: '1' })
  await store.addHandler('model', { handler: answers('two'), version: '2' })
  await store.addHandler('slow', { handler: slow })
  managed = await startManaged(store)
})
afterEach(() => managed.clear())
afterAll(async () => {
  await managed.stop()
  await store.remove()
})

test('a described worker is a real process with its memory and its start', async () => {
  const before = Date.now()
  expect(await managed.post('url=model-1&initial_workers=1')).toMatchObject({ status: 200 })
  const { workers } = await managed.describe('model')
  const [worker] = workers as unknown as { pid: number; memoryUsage: number; startTime: string }[]
  expect(workers).toHaveLength(1)
  const pid = worker?.pid ?? 0
  expect(isAlive(pid)).toBe(true)
  const rssKb = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1])
  expect(Math.abs((worker?.memoryUsage ?? 0) / 1024 - rssKb)).toBeLessThan(0.2 * rssKb)
  expect(Date.parse(worker?.startTime ?? '')).toBeGreaterThanOrEqual(before)
  expect(Date.parse(worker?.startTime ?? '')).toBeLessThanOrEqual(Date.now())
})

test('a new version takes over under traffic, and no request fails', async () => {
  await managed.post('url=model-1&initial_workers=1')
  const over = new AbortController()
  const seen: Said[] = []
  const client = async () => {
    while (!over.signal.aborted) seen.push(await managed.predict('model'))
  }
  const clients = [client(), client(), client()]
  await waitFor('the first answers', () => seen.length > 10)
  expect(await managed.post('url=model-2&initial_workers=2')).toMatchObject({ status: 200 })
  expect(await managed.ask('PUT', '/models/model/2/set-default')).toMatchObject({ status: 200 })
  await waitFor('answers of the new version', () => seen.at(-1)?.body === 'two')
  expect(await managed.ask('DELETE', '/models/model/1')).toMatchObject({ status: 200 })
  const after = seen.length
  await waitFor('answers after the old version left', () => seen.length > after + 10)
  over.abort()
  await Promise.all(clients)
  expect(seen.filter(({ status }) => status !== 200)).toEqual([])
  const bodies = seen.map(({ body }) => body)
  expect(new Set(bodies)).toEqual(new Set(['one', 'two']))
  // Three clients: answers of the old version may arrive beside the first ones of the new.
  expect(bodies.lastIndexOf('one')).toBeLessThan(bodies.indexOf('two') + 4)
})

test('a named version answers whatever the default is', async () => {
  await managed.post('url=model-1&initial_workers=1')
  await managed.post('url=model-2&initial_workers=1')
  expect(await managed.predict('model')).toEqual({ status: 200, body: 'one' })
  expect(await managed.predict('model/2')).toEqual({ status: 200, body: 'two' })
})

test.each([
  ['unregistered', 'DELETE', '/models/slow', 404],
  ['scaled to no workers', 'PUT', '/models/slow?min_worker=0&synchronous=true', 503],
  ['scaled down', 'PUT', '/models/slow?min_worker=1&max_worker=1&synchronous=true', 200],
])('what waits when a model is %s is served', async (_how, method, path, later) => {
  await managed.post('url=slow-1.0&initial_workers=2')
  const waiting = Array.from({ length: 8 }, () => managed.predict('slow'))
  await waitFor('requests in the queue', async () => {
    const { jobQueueStatus } = await managed.describe('slow')
    return jobQueueStatus.pendingRequests > 0
  })
  expect(await managed.ask(method, path)).toMatchObject({ status: 200 })
  expect(await Promise.all(waiting)).toEqual(Array.from({ length: 8 }, () => ({ status: 200, body: 'late' })))
  expect(await managed.predict('slow')).toMatchObject({ status: later })
})

test('scaling up and down is seen in the processes', async () => {
  await managed.post('url=model-1')
  for (const count of [3, 1, 2, 0]) {
    expect(await managed.ask('PUT', `/models/model?min_worker=${count}&synchronous=true`)).toEqual({
      status: 200,
      body: { status: `Workers scaled to ${count} for model: model` },
    })
    expect(await managed.holdings()).toMatchObject({ workers: count })
    expect(await managed.describe('model')).toMatchObject({ minWorkers: count, maxWorkers: count })
  }
})

test('between least and most the number of workers stays', async () => {
  await managed.post('url=model-1&initial_workers=2')
  await managed.ask('PUT', '/models/model?min_worker=1&max_worker=3&synchronous=true')
  const { workers, ...described } = await managed.describe('model')
  expect(workers).toHaveLength(2)
  expect(described).toMatchObject({ minWorkers: 1, maxWorkers: 3 })
})

test('workers come up on their own after a registration that nobody waits for', async () => {
  expect(await managed.post('url=model-1&initial_workers=1&synchronous=false')).toEqual({
    status: 202,
    body: { status: 'Processing worker updates...' },
  })
  // It waits for the worker in the queue.
  expect(await managed.predict('model')).toEqual({ status: 200, body: 'one' })
})

test('scaling down a model that is still loading waits for it, and does not undo its registration', async () => {
  await managed.post('url=model-1&initial_workers=2&synchronous=false')
  expect(await managed.ask('PUT', '/models/model?min_worker=1&synchronous=true')).toMatchObject({
    status: 200,
  })
  expect(await managed.holdings()).toMatchObject({ models: ['model 1'], workers: 1 })
  expect(await managed.predict('model')).toEqual({ status: 200, body: 'one' })
})

test('a model whose requests outlast unregister_model_timeout is out, and ends when they are done', async () => {
  await store.addHandler('slower', { handler: slow.replace('100', '2000') })
  const impatient = await startManaged(store, ['--unregister-model-timeout=1'])
  await impatient.post('url=slower-1.0&initial_workers=1')
  const running = impatient.predict('slower')
  await waitFor('a request', async () => {
    const page = await (await fetch(`${impatient.server.metrics}/metrics`)).text()
    return /ts_inference_requests_total\{model_name="slower"[^}]*\} 1/.test(page)
  })
  expect(await impatient.ask('DELETE', '/models/slower')).toMatchObject({
    status: 408,
    body: { type: 'RequestTimeoutException', message: 'Timed out while cleaning resources: slower' },
  })
  expect(await impatient.predict('slower')).toMatchObject({ status: 404 })
  expect(await running).toEqual({ status: 200, body: 'late' })
  await impatient.stop()
})

test('a downloaded archive leaves the store with its model, and with a registration that fails', async () => {
  const elsewhere = await serveFiles(
    new Map([
      ['/fine.mar', makeArchive({ modelName: 'fine' }, answers('far'))],
      ['/bad.mar', makeArchive({ modelName: 'bad' }, "throw new Error('no')")],
    ]),
  )
  const allowed = elsewhere.origin.replaceAll('.', String.raw`\.`)
  const open = await startManaged(store, [`--allowed-urls=${allowed}/.*`])
  const before = await open.holdings()
  const url = (file: string) => `url=${encodeURIComponent(`${elsewhere.origin}/${file}`)}&initial_workers=1`
  expect(await open.post(url('bad.mar'))).toMatchObject({ status: 500 })
  expect(await open.holdings()).toEqual(before)
  expect(await open.post(url('fine.mar'))).toMatchObject({ status: 200 })
  expect(await open.holdings()).toMatchObject({ files: expect.arrayContaining(['fine.mar']) as string[] })
  expect(await open.predict('fine')).toEqual({ status: 200, body: 'far' })
  expect(await open.post(url('fine.mar'))).toMatchObject({
    status: 500,
    body: { message: 'Model file already exists fine.mar' },
  })
  expect(await open.ask('DELETE', '/models/fine')).toMatchObject({ status: 200 })
  expect(await open.holdings()).toEqual(before)
  await open.stop()
  await elsewhere.close()
})

function makeArchive(model: Record<string, string>, source: string): Buffer {
  return makeZip([
    { name: 'MAR-INF/MANIFEST.json', data: JSON.stringify({ model: { ...model, handler: 'handler.js' } }) },
    { name: 'handler.js', data: source },
  ])
}
