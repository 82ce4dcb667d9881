/** What fails leaves nothing behind: no model, no worker, no folder, no file. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startManaged, type Holdings, type Managed } from '../support/managed.ts'
import { digitsOnnx, makeStore, type ModelStore } from '../support/model-store.ts'
import { freshTmpdir } from '../support/server.ts'

const fine =
  'export default { preprocess: input => input, inference: batch => batch, postprocess: () => "OK" }\n'
const loads = (what: string) => `export default { async load() { ${what} } }\n`
const never = 'await new Promise(resolve => setTimeout(resolve, 60_000))'

let tmp: Awaited<ReturnType<typeof freshTmpdir>>
let store: ModelStore
let managed: Managed
let nothing: Holdings

beforeAll(async () => {
  tmp = await freshTmpdir()
  store = await makeStore()
  await store.addDigits('')
  await store.addFile('broken.mar', 'PK\u0003\u0004 and then nothing')
  await store.addFile('graph.onnx', 'no graph')
  await store.addHandler('fine', { handler: fine })
  await store.addHandler('throws', {
    handler: loads("throw new Error('no weights in /root/secret/weights.bin')"),
  })
  await store.addHandler('dies', { handler: loads("console.error('last words'); process.exit(7)") })
  await store.addHandler('careless', {
    handler: loads("setTimeout(() => { throw new TypeError('late trouble') }); await new Promise(() => {})"),
  })
  await store.addHandler('silent', {
    handler: loads(never),
    config: 'startupTimeout: 1\n',
  })
  await store.addHandler('greedy', {
    handler: loads(
      'const all = []; for (;;) { all.push(Buffer.alloc(2 ** 24, 1)); await new Promise(setImmediate) }',
    ),
  })
  await store.addHandler('fragile', { handler: fine, onnx: digitsOnnx })
  await store.addHandler('model', { handler: loads("throw new Error('not this one')"), version: '2' })
  managed = await startManaged(store, ['--worker-memory-limit-mb=300'])
  nothing = await managed.holdings()
})
afterEach(() => managed.clear())
afterAll(async () => {
  await managed.stop()
  await store.remove()
  await tmp.remove()
})

const notStarted = (name: string) => `Failed to start workers for model ${name} version: 1.0`

interface Failing {
  readonly what: string
  readonly url: string
  readonly status: number
  readonly message: string | RegExp
  readonly reason?: RegExp
}

const failing: readonly Failing[] = [
  { what: 'a broken archive', url: 'broken.mar', status: 400, message: /^Archive broken\.mar is refused/ },
  {
    what: 'a refused graph',
    url: 'graph.onnx',
    status: 500,
    message: notStarted('graph'),
    reason: /protobuf|parsing/i,
  },
  {
    what: 'a handler that throws',
    url: 'throws-1.0',
    status: 500,
    message: notStarted('throws'),
    reason: /^no weights in weights\.bin$/,
  },
  {
    what: 'a worker that dies',
    url: 'dies-1.0',
    status: 500,
    message: notStarted('dies'),
    reason: /^The worker exited with code 7\. It said: last words$/,
  },
  {
    what: 'an exception that nobody catches',
    url: 'careless-1.0',
    status: 500,
    message: notStarted('careless'),
    reason: /^The worker exited with code 1\. It said: TypeError: late trouble$/,
  },
  {
    what: 'a worker that is not ready in time',
    url: 'silent-1.0',
    status: 500,
    message: notStarted('silent'),
    reason: /did not load its model within 1 s/,
  },
  {
    what: 'a worker that takes too much memory',
    url: 'greedy-1.0',
    status: 507,
    message: notStarted('greedy'),
    reason: /worker_memory_limit_mb/,
  },
]

test.each(failing)('a registration that fails for $what says why and leaves nothing behind', async row => {
  const { url, status, message, reason = /^/ } = row
  const said = await managed.post(`url=${url}&initial_workers=2`)
  const { code, ...texts } = said.body as { code: number; message: string; reason?: string }
  expect({ status: said.status, code }).toEqual({ status, code: status })
  expect(texts.message).toMatch(message)
  expect(texts.reason ?? '').toMatch(reason)
  expect(JSON.stringify(said)).not.toMatch(/\/(?:root|tmp|work|home)\b/)
  expect(await managed.holdings()).toEqual(nothing)
})

test('after a failure the same name can be registered', async () => {
  await managed.post('url=throws-1.0&model_name=again&initial_workers=1')
  expect(await managed.post('url=fine-1.0&model_name=again&initial_workers=1')).toMatchObject({ status: 200 })
  expect(await managed.predict('again')).toEqual({ status: 200, body: 'OK' })
})

test('a failed new version leaves the old one serving', async () => {
  await managed.post('url=fine-1.0&model_name=model&initial_workers=1')
  expect(await managed.post('url=model-2&initial_workers=1')).toMatchObject({ status: 500 })
  expect(await managed.ask('GET', '/models/model/all')).toMatchObject({ body: [{ modelVersion: '1.0' }] })
  expect(await managed.predict('model')).toEqual({ status: 200, body: 'OK' })
})

test.each([0, 1])('of two registrations at once with %i workers one wins', async workers => {
  const asked = Array.from({ length: 2 }, () => managed.post(`url=digits.mar&initial_workers=${workers}`))
  const said = await Promise.all(asked)
  expect(said.map(({ status }) => status)).toEqual(expect.arrayContaining([200, 409]))
  expect(await managed.holdings()).toEqual({ ...nothing, models: ['digits 1.0'], workers, unpacked: 1 })
})

test('of twenty registrations at once one wins, and the others leave nothing', async () => {
  const said = await Promise.all(Array.from({ length: 20 }, () => managed.post('url=digits.mar')))
  expect(said.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(said.filter(({ status }) => status === 409)).toHaveLength(19)
  expect(await managed.holdings()).toMatchObject({ models: ['digits 1.0'], unpacked: 1 })
})

test('a model that is unregistered while it loads is gone, and its registration says so', async () => {
  const registration = managed.post('url=silent-1.0&initial_workers=2')
  await expect.poll(() => managed.holdings()).toMatchObject({ workers: 2 })
  expect(await managed.ask('DELETE', '/models/silent')).toMatchObject({ status: 200 })
  expect(await registration).toMatchObject({ status: 500, body: { message: notStarted('silent') } })
  expect(await managed.holdings()).toEqual(nothing)
})

test('a model that is unregistered while it scales up is gone', async () => {
  await managed.post('url=fragile-1.0&initial_workers=1')
  await store.addHandler('fragile', { handler: loads(never), onnx: digitsOnnx })
  const scaling = managed.ask('PUT', '/models/fragile?min_worker=2&synchronous=true')
  await expect.poll(() => managed.holdings()).toMatchObject({ workers: 2 })
  expect(await managed.ask('DELETE', '/models/fragile')).toMatchObject({ status: 200 })
  await store.addHandler('fragile', { handler: fine, onnx: digitsOnnx })
  expect(await scaling).toMatchObject({ status: 500 })
  expect(await managed.holdings()).toEqual(nothing)
})

describe('a model whose files change while it is served', () => {
  const graph = () => join(store.dir, 'fragile-1.0/model.onnx')

  test('goes on with the workers that it has, and a failed scale-up restores their number', async () => {
    await managed.post('url=fragile-1.0&initial_workers=1')
    await writeFile(graph(), 'not a graph any more')
    expect(await managed.ask('PUT', '/models/fragile?min_worker=3&synchronous=true')).toMatchObject({
      status: 500,
      body: { message: 'Failed to start workers for model fragile version: null' },
    })
    expect(await managed.describe('fragile')).toMatchObject({
      minWorkers: 1,
      maxWorkers: 1,
      state: 'ready',
      workers: [{ state: 'ready' }],
    })
    expect(await managed.holdings()).toMatchObject({ workers: 1 })
    expect(await managed.predict('fragile')).toEqual({ status: 200, body: 'OK' })
  })

  test('can be scaled again once they are repaired', async () => {
    await store.addHandler('fragile', { handler: fine })
    expect(await managed.post('url=fragile-1.0&initial_workers=1')).toMatchObject({ status: 200 })
    await store.addHandler('fragile', { handler: 'this is no JavaScript' })
    expect(await managed.ask('PUT', '/models/fragile?min_worker=2&synchronous=true')).toMatchObject({
      status: 500,
    })
    await store.addHandler('fragile', { handler: fine })
    expect(await managed.ask('PUT', '/models/fragile?min_worker=2&synchronous=true')).toMatchObject({
      status: 200,
    })
    expect(await managed.holdings()).toMatchObject({ workers: 2 })
  })

  test('does not notice it when it was packed', async () => {
    await store.addDigits('')
    await managed.post('url=digits.mar&initial_workers=1')
    await store.addFile('digits.mar', 'replaced')
    expect(await managed.ask('PUT', '/models/digits?min_worker=2&synchronous=true')).toMatchObject({
      status: 200,
    })
    await store.addDigits('')
  })
})
