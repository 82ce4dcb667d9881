/** PyTorch files in the server: imported at registration, kept, and refused without a trace. */
import { chmod, copyFile, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { writeArchive } from '../../src/archive/writer.ts'
import { freshFolders } from '../support/archive-fixtures.ts'
import { startManaged, type Managed } from '../support/managed.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { logged } from '../support/server.ts'
import { makeZip } from '../support/hostile-archives.ts'

const fixtures = join(import.meta.dirname, '../fixtures')
const digitsPt = join(fixtures, 'digits/digits.pt')
const fresh = freshFolders()

let store: ModelStore
let managed: Managed
let cache: string

beforeAll(async () => {
  store = await makeStore()
  cache = join(store.dir, '.cache')
  await copyFile(join(fixtures, 'digits/digits.onnx'), join(store.dir, 'reference.onnx'))
  managed = await startManaged(store, [`--import-cache=${cache}`])
  await managed.post('url=reference.onnx&model_name=reference&initial_workers=1&synchronous=true')
})
afterEach(async () => {
  for (const { name } of managed.server.server.registry.all()) {
    if (name !== 'reference') await managed.ask('DELETE', `/models/${name}`)
  }
})
afterAll(async () => {
  await managed.stop()
  await store.remove()
})

const DIGITS_INPUT = 'inputs:\n  - { name: image, dtype: float32, shape: [batch, 1, 8, 8] }\n'

async function addArchive(name: string, config: string, serializedFile = digitsPt): Promise<void> {
  const configFile = join(await fresh(), 'model-config.yaml')
  await writeFile(configFile, config)
  await writeArchive({
    modelName: name,
    version: '1.0',
    handler: 'base_handler',
    serializedFile,
    configFile,
    exportPath: store.dir,
    force: true,
  })
}

const register = (file: string, name: string, { server }: Managed = managed) =>
  fetch(`${server.management}/models?url=${file}&model_name=${name}&initial_workers=1&synchronous=true`, {
    method: 'POST',
  }).then(async response => ({ status: response.status, body: await response.text() }))

async function expectSameAnswers(model: string): Promise<void> {
  const image = Array.from({ length: 64 }, (_, index) => ((index * 7) % 17) / 16)
  const body = JSON.stringify([[Array.from({ length: 8 }, (_, row) => image.slice(row * 8, row * 8 + 8))]])
  const [got, wanted] = await Promise.all([managed.predict(model, body), managed.predict('reference', body)])
  expect(got.status).toBe(200)
  const numbers = (said: typeof got) => (said.body as number[][]).flat()
  expect(numbers(got)).toHaveLength(10)
  numbers(wanted).forEach((want, index) =>
    expect(Math.abs((numbers(got)[index] ?? NaN) - want)).toBeLessThan(1e-5),
  )
}

const imports = (server = managed) =>
  server.server.log.filter(({ msg }) => msg === 'Imported a PyTorch file').length
const stages = (model: string) =>
  managed.server.log.filter(({ msg, model: of }) => msg === 'Importing a PyTorch file' && of === model)

test('an archive with TorchScript is imported stage by stage, and answers as the ONNX file does', async () => {
  await addArchive('archived', DIGITS_INPUT)
  expect(await register('archived.mar', 'archived')).toMatchObject({ status: 200 })
  await expectSameAnswers('archived')
  expect(stages('archived').map(({ stage }) => stage)).toEqual([
    'reading',
    'evaluating',
    'building',
    'writing',
    'checking',
  ])
})

test('a bare .pt file is a model, and its inputs are guessed', async () => {
  await copyFile(digitsPt, join(store.dir, 'bare.pt'))
  expect(await register('bare.pt', 'bare')).toMatchObject({ status: 200 })
  await expectSameAnswers('bare')
  const guess = managed.server.log.find(({ msg }) => msg.includes('were guessed'))
  expect(guess?.['guessed']).toEqual(['x=float32[batch,1,8,8]'])
})

test('a second server takes the result from the cache, and starts no process for it', async () => {
  await addArchive('kept', DIGITS_INPUT)
  await register('kept.mar', 'kept')
  const second = await startManaged(store, [`--import-cache=${cache}`])
  try {
    expect(await register('kept.mar', 'kept', second)).toMatchObject({ status: 200 })
    const lines = second.server.log.map(({ msg }) => msg)
    expect(lines).toContain('Took an imported PyTorch file from the cache')
    expect(lines).not.toContain('Importing a PyTorch file')
  } finally {
    await second.stop()
  }
})

test('two registrations of one file at the same time import it once', async () => {
  await addArchive('twin', `${DIGITS_INPUT}# Something that no other test has imported.\nminWorkers: 1\n`)
  const renamed = DIGITS_INPUT.replace('image', 'picture')
  await addArchive('twin', renamed)
  const before = imports()
  const said = await Promise.all([register('twin.mar', 'one'), register('twin.mar', 'two')])
  expect(said.map(({ status }) => status)).toEqual([200, 200])
  expect(stages('one').length + stages('two').length).toBe(5)
  expect(imports()).toBe(before + 2)
})

test('a damaged result is noticed and made again', async () => {
  const folder = join(await fresh(), 'cache')
  await addArchive('damaged', DIGITS_INPUT)
  for (const expected of ['Imported a PyTorch file', 'A cached import is damaged and is made again']) {
    const server = await startManaged(store, [`--import-cache=${folder}`])
    try {
      expect(await register('damaged.mar', 'damaged', server)).toMatchObject({ status: 200 })
      expect(server.server.log.map(({ msg }) => msg)).toContain(expected)
    } finally {
      await server.stop()
    }
    const [key = ''] = await readdir(folder)
    await truncate(join(folder, key, 'model.onnx'), 1000)
  }
})

test('a cache that cannot be written is told once, and models are served all the same', async () => {
  const file = join(await fresh(), 'a-file')
  await writeFile(file, '')
  await addArchive('uncached', DIGITS_INPUT)
  const server = await startManaged(store, [`--import-cache=${join(file, 'below')}`])
  try {
    expect(await register('uncached.mar', 'uncached', server)).toMatchObject({ status: 200 })
    expect(
      server.server.log.filter(({ msg }) => msg.startsWith('import_cache cannot be written')),
    ).toHaveLength(1)
  } finally {
    await server.stop()
  }
})

test('a server that stops ends its imports, and the client is told', async () => {
  await addArchive('late', DIGITS_INPUT)
  const folder = join(await fresh(), 'cache')
  const server = await startManaged(store, [`--import-cache=${folder}`])
  const said = register('late.mar', 'late', server)
  await logged(server.server, 'an import', ({ msg }) => msg === 'Importing a PyTorch file')
  await server.stop()
  expect(await said).toMatchObject({ status: 503 })
  expect(await readdir(folder)).toEqual([])
})

/** A pickle that would run a command: `os.system('touch …')`. */
const PLANTED = Buffer.from("cposix\nsystem\n(S'touch planted'\ntR.", 'latin1')

const refused: [string, () => Promise<Buffer>, RegExp][] = [
  [
    'planted.pt',
    async () =>
      makeZip([
        { name: 'm/version', data: '3\n' },
        { name: 'm/constants.pkl', data: PLANTED },
        { name: 'm/data.pkl', data: PLANTED },
      ]),
    /posix|system/,
  ],
  ['truncated.pt', async () => (await readFile(digitsPt)).subarray(0, 90_000), /cannot be imported/],
  [
    'not-a-zip.pt',
    async () => Buffer.from('hello, I am not a zip, but long enough to be read as one'),
    /zip/,
  ],
  [
    'weights.pth',
    () => readFile(join(fixtures, 'digits/digits.pth')),
    /it holds \d+ tensors with \d+ numbers: conv1\.weight \[16, 1, 3, 3\]/,
  ],
  ['untold.pt', () => readFile(join(fixtures, 'fraud/fraud.pt')), /--input \\"x=float32\[batch,/],
]

test.each(refused)(
  '%s is refused with the reason, and leaves nothing behind',
  async (file, content, reason) => {
    await writeFile(join(store.dir, file), await content())
    const [before, kept] = [await managed.holdings(), await readdir(cache)]
    const { status, body } = await register(file, 'refused')
    expect(body).toMatch(reason)
    expect(body).toContain('The PyTorch file cannot be imported: ')
    expect(status).toBe(400)
    expect(body).not.toContain(store.dir)
    expect(await managed.holdings()).toEqual(before)
    expect(await readdir(cache)).toEqual(kept)
  },
)

test('inputs that fit nothing are refused with the place in the code of the model', async () => {
  await addArchive('wrong', DIGITS_INPUT.replace('8, 8', '9, 12'))
  const { status, body } = await register('wrong.mar', 'wrong')
  expect(status).toBe(400)
  expect(body).toMatch(/linear\.py:\d+: aten::linear: /)
})

test('results and their folder are for this user only', async () => {
  const { mode } = await stat(cache)
  expect(mode & 0o077).toBe(0)
  await chmod(cache, 0o700)
})
