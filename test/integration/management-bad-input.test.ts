/** Names, versions, numbers and bodies that nobody should send. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { startManaged, type Managed } from '../support/managed.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'

const handler =
  'export default { preprocess: input => input, inference: batch => batch, postprocess: () => "OK" }\n'

let store: ModelStore
let managed: Managed

beforeAll(async () => {
  store = await makeStore()
  await store.addDigits('')
  await store.addHandler('fine', { handler })
  managed = await startManaged(store)
})
afterEach(() => managed.clear())
afterAll(async () => {
  await managed.stop()
  await store.remove()
})

/** A folder in the store whose manifest says what the test wants. */
async function addManifest(folder: string, model: Record<string, unknown>): Promise<void> {
  const dir = join(store.dir, folder)
  await mkdir(join(dir, 'MAR-INF'), { recursive: true })
  await writeFile(join(dir, 'handler.js'), handler)
  await writeFile(
    join(dir, 'MAR-INF/MANIFEST.json'),
    JSON.stringify({ model: { handler: 'handler.js', ...model } }),
  )
}

const HOSTILE_NAMES = [
  '../../etc/passwd',
  '/etc/passwd',
  'a/b',
  '-rf',
  '.hidden',
  '_hidden',
  'two words',
  'new\nline',
  'null\0byte',
  'ｆｕｌｌ',
  'mødel',
  '<script>',
  '"quoted"',
  'x'.repeat(129),
]

test.each(HOSTILE_NAMES)('a model cannot be registered as %j', async name => {
  const said = await managed.post(`url=fine-1.0&model_name=${encodeURIComponent(name)}`)
  expect(said).toMatchObject({ status: 400, body: { type: 'InvalidModelException' } })
  expect(await managed.holdings()).toMatchObject({ models: [], unpacked: 0 })
})

test.each(HOSTILE_NAMES)('a manifest that names its model %j is refused', async modelName => {
  await addManifest('named', { modelName })
  const said = await managed.post('url=named')
  expect(said).toMatchObject({ status: 400, body: { type: 'InvalidModelException' } })
})

test.each(HOSTILE_NAMES)('no request on a model %j finds any', async name => {
  const path = `/models/${encodeURIComponent(name)}`
  for (const [method, rest] of [
    ['GET', ''],
    ['PUT', '?min_worker=1'],
    ['PUT', '/1.0/set-default'],
    ['DELETE', ''],
    ['OPTIONS', ''],
  ] as const) {
    const said = await managed.ask(method, path + rest)
    expect(said).toMatchObject({ status: 404, body: { message: `Model not found: ${name}` } })
  }
})

test.each(['%zz', '%', '%c0%af', '%ff'])('a path with %s is refused', async segment => {
  const said = await managed.ask('GET', `/models/${segment}`)
  expect(said.status).toBe(400)
  expect(said.body).toMatchObject({ code: 400, type: 'BadRequestException' })
})

test('a name longer than any is not found', async () => {
  expect(await managed.ask('GET', `/models/${'x'.repeat(3000)}`)).toMatchObject({ status: 404 })
})

const NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'all', '1', 'A.b-c_d']

test.each(NAMES.filter(name => !name.startsWith('_')))('%s is a name like any other', async name => {
  expect(await managed.predict(name)).toMatchObject({ status: 404 })
  expect(await managed.post(`url=fine-1.0&model_name=${name}&initial_workers=1`)).toMatchObject({
    status: 200,
  })
  expect(await managed.predict(name)).toEqual({ status: 200, body: 'OK' })
  expect(await managed.ask('DELETE', `/models/${name}`)).toMatchObject({ status: 200 })
})

test('names that JavaScript knows are not found where nobody registered them', async () => {
  for (const name of NAMES) expect(await managed.ask('GET', `/models/${name}`)).toMatchObject({ status: 404 })
  await managed.post('url=fine-1.0')
  for (const version of NAMES.filter(name => name !== 'all'))
    expect(await managed.ask('GET', `/models/fine/${version}`)).toMatchObject({ status: 404 })
})

const VERSIONS = [
  '1.0+x',
  'a b',
  'ünïcode-版',
  '__proto__',
  '%41',
  '?',
  '#1',
  'set-default',
  'all',
  'v'.repeat(128),
]

test.each(VERSIONS)('version %j is served, described, made the default and removed', async version => {
  await addManifest('versioned', { modelName: 'model', modelVersion: version })
  await managed.post('url=fine-1.0&model_name=model')
  expect(await managed.post('url=versioned&initial_workers=1')).toEqual({
    status: 200,
    body: { status: `Model "model" Version: ${version} registered with 1 initial workers` },
  })
  const inPath = encodeURIComponent(version)
  expect(await managed.predict(`model/${inPath}`)).toEqual({ status: 200, body: 'OK' })
  expect(await managed.ask('PUT', `/models/model/${inPath}/set-default`)).toMatchObject({ status: 200 })
  expect(await managed.describe('model')).toMatchObject({ modelVersion: version })
  await managed.ask('PUT', '/models/model/1.0/set-default')
  expect(await managed.ask('DELETE', `/models/model/${inPath}`)).toMatchObject({ status: 200 })
})

test.each(['a/b', 'a\\b', '.', '..', 'line\nbreak', '\u0007', 'v'.repeat(129), 7, ['1.0'], {}])(
  'a manifest with version %j is refused',
  async modelVersion => {
    await addManifest('versioned', { modelName: 'model', modelVersion })
    expect(await managed.post('url=versioned')).toMatchObject({
      status: 400,
      body: { type: 'InvalidModelException' },
    })
  },
)

test.each([
  ['min_worker=-1', 500, 'min_worker is -1; expected 0 or more'],
  ['min_worker=100000', 400, 'min_worker is 100000; expected 1024 at most.'],
  ['min_worker=-999999999', 500, 'min_worker is -999999999; expected 0 or more'],
  ['min_worker=2&max_worker=1', 400, 'max_worker cannot be less than min_worker.'],
  ['min_worker=1&max_worker=-5', 400, 'max_worker cannot be less than min_worker.'],
])('PUT with %s is refused', async (query, status, message) => {
  await managed.post('url=fine-1.0')
  expect(await managed.ask('PUT', `/models/fine?${query}`)).toMatchObject({ status, body: { message } })
  expect(await managed.describe('fine')).toMatchObject({ minWorkers: 0, maxWorkers: 0, state: 'idle' })
})

test('more workers at most than any machine has are no workers yet', async () => {
  await managed.post('url=fine-1.0')
  await managed.ask('PUT', '/models/fine?min_worker=1&max_worker=999999999&synchronous=true')
  expect(await managed.holdings()).toMatchObject({ workers: 1 })
})

test.each([
  'batch_size=-1',
  'batch_size=0',
  'max_batch_delay=-1',
  'response_timeout=-1',
  'startup_timeout=-1',
])('POST with %s is refused and says what was expected', async query => {
  const [name = '', value] = query.split('=')
  const said = await managed.post(`url=fine-1.0&${query}`)
  expect(said).toMatchObject({ status: 400, body: { type: 'BadRequestException' } })
  expect((said.body as { message: string }).message).toMatch(
    new RegExp(`^${name} is ${value}; expected [01] or more\\.$`),
  )
  expect(await managed.holdings()).toMatchObject({ models: [] })
})

test.each(['1e3', '0x10', '1.5', ' ', 'NaN', 'Infinity', '99999999999999999999', '１', '1 2', '%00'])(
  'a number that is %j is none, and the default counts',
  async text => {
    const value = encodeURIComponent(text)
    await managed.post(`url=fine-1.0&batch_size=${value}&initial_workers=${value}&response_timeout=${value}`)
    expect(await managed.describe('fine')).toMatchObject({
      batchSize: 1,
      minWorkers: 0,
      responseTimeout: 120,
    })
  },
)

test('of a repeated key the first value counts, in a query as in JSON the last', async () => {
  await managed.post('url=fine-1.0&model_name=first&model_name=second')
  await managed.postJson('{"url": "fine-1.0", "model_name": "third", "model_name": "fourth"}')
  expect(await managed.holdings()).toMatchObject({ models: ['first 1.0', 'fourth 1.0'] })
})

test('JSON with __proto__ is data like any other, and changes nothing', async () => {
  const said = await managed.postJson(
    '{"__proto__": {"url": "fine-1.0"}, "constructor": {"prototype": {"url": 1}}}',
  )
  expect(said).toMatchObject({ status: 400, body: { message: 'Parameter url is required.' } })
  expect(Reflect.get({}, 'url')).toBeUndefined()
})

test.each(['null', '[]', '7', '"text"', '', '{', '[{"url": "fine-1.0"}]', '\u0000'])(
  'a JSON body of %j is refused',
  async text => {
    expect(await managed.postJson(text)).toMatchObject({ status: 500, body: { type: 'JsonSyntaxException' } })
  },
)

test.each([{ url: {} }, { url: ['fine-1.0'] }, { url: null }, { url: true }])(
  'a url of %j is none',
  async body => {
    expect(await managed.postJson(body)).toMatchObject({
      status: 400,
      body: { message: 'Parameter url is required.' },
    })
  },
)

test.each([
  '/etc/passwd',
  'C:\\Windows\\system.ini',
  '.handler',
  'fine-1.0/MAR-INF/..',
  'file:///etc/passwd',
  'ftp://host/model.mar',
  'http://169.254.169.254/latest/meta-data.mar',
  'HTTP://LOCALHOST/x.mar',
  'gopher://x',
  'null\0.mar',
  'x'.repeat(4000),
])('no archive is taken from %j', async url => {
  const said = await managed.post(`url=${encodeURIComponent(url)}`)
  expect(said).toMatchObject({ status: 404, body: { type: 'ModelNotFoundException' } })
})
