import { readdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { GraphCache, type GraphCacheOptions } from '../../../src/conversion/graph-cache.ts'
import { graphSurroundings } from '../../../src/conversion/surroundings.ts'
import { openSession } from '../../../src/runtime/session.ts'
import { makeInputs } from '../../../src/runtime/trial.ts'
import { freshFolders } from '../../support/archive-fixtures.ts'
import { writeHeavyOnnx } from '../../support/heavy-onnx.ts'
import { digitsOnnx } from '../../support/model-store.ts'

const fresh = freshFolders()

interface Opened {
  readonly cache: GraphCache
  readonly dir: string
  readonly said: string[]
  readonly reasons: unknown[]
}

async function openCache(more: Partial<GraphCacheOptions> = {}): Promise<Opened> {
  const [said, reasons]: [string[], unknown[]] = [[], []]
  const dir = more.dir ?? (await fresh())
  const say = (message: string, fields: Record<string, unknown>) => {
    said.push(message)
    if (fields['reason'] !== undefined) reasons.push(fields['reason'])
  }
  const cache = new GraphCache({
    ...graphSurroundings({}, dir),
    workDir: await fresh(),
    maxBytes: 2 ** 30,
    info: say,
    warn: say,
    ...more,
  })
  return { cache, dir, said, reasons }
}

async function heavy(seed = 1): Promise<{ modelFile: string; dataFiles: string[] }> {
  const modelFile = join(await fresh(), 'model.onnx')
  await writeHeavyOnnx(modelFile, { seed })
  return { modelFile, dataFiles: [] }
}

const MADE = 'Optimised a graph for this machine'
const TAKEN = 'Took an optimised graph from the cache'
const FAILED = 'A graph was not optimised; each worker loads its own copy'

test('a large graph is laid out once, and answers with the same bits', async () => {
  const { cache, said, reasons } = await openCache()
  const plain = await heavy()
  const [first, second] = [await cache.open(plain, {}), await cache.open(plain, {})]
  expect([said, reasons]).toEqual([[MADE, TAKEN], []])
  const answers = [plain.modelFile, first?.file ?? '', second?.file ?? ''].map(async file => {
    const session = await openSession(file, { threads: 1, isOptimised: file === plain.modelFile })
    const answer = await session.run(makeInputs(session.graph.inputs, new Map([['batch', 3]]), 'ones'))
    await session.close()
    return answer['y']?.data
  })
  const [wanted, ...got] = await Promise.all(answers)
  expect(wanted).toHaveLength(3 * 768)
  expect(got).toEqual([wanted, wanted])
})

test('the weights of the result lie beside the graph, and its folder is released', async () => {
  const workDir = await fresh()
  const { cache } = await openCache({ workDir })
  const graph = await cache.open(await heavy(), {})
  expect(await readdir(graph?.dir ?? '')).toEqual(['model.onnx', 'model.onnx.data'])
  await graph?.release()
  expect(await readdir(workDir)).toEqual([])
})

test('a small graph is left as it is', async () => {
  const { cache, said, dir } = await openCache()
  expect(await cache.open({ modelFile: digitsOnnx, dataFiles: [] }, {})).toBeUndefined()
  expect(said).toEqual([])
  expect(await readdir(dir)).toEqual([])
})

test('graphs that differ in one weight are kept apart', async () => {
  const { cache, said } = await openCache()
  await cache.open(await heavy(1), {})
  await cache.open(await heavy(2), {})
  expect(said).toEqual([MADE, MADE])
})

test('a cached graph that was cut off is made again', async () => {
  const { dir, cache } = await openCache()
  const plain = await heavy()
  await cache.open(plain, {})
  const [key = ''] = await readdir(dir)
  await truncate(join(dir, key, 'model.onnx.data'), 4096)
  const { cache: second, said } = await openCache({ dir })
  expect((await second.open(plain, {}))?.file).toBeDefined()
  expect(said).toEqual(['A cached graph is damaged and is made again', MADE])
})

test('what ONNX Runtime does not take is left to the workers, and leaves nothing behind', async () => {
  const { cache, said, reasons, dir } = await openCache()
  const modelFile = join(await fresh(), 'model.onnx')
  await writeFile(modelFile, Buffer.alloc(9 * 2 ** 20, 7))
  expect(await cache.open({ modelFile, dataFiles: [] }, {})).toBeUndefined()
  expect(said).toEqual([FAILED])
  expect(reasons).toEqual([expect.stringContaining('Protobuf')])
  expect(await readdir(dir)).toEqual([])
})

test('a process that takes too long is ended, and the plain file serves', async () => {
  const { readable } = graphSurroundings({}, undefined)
  const limits = { timeLimitMs: 1, memoryLimitBytes: Infinity }
  const { cache, said, reasons, dir } = await openCache({ readable, limits })
  expect(await cache.open(await heavy(), {})).toBeUndefined()
  expect(said).toEqual([FAILED])
  expect(reasons).toEqual(['it took too much time'])
  expect(await readdir(dir)).toEqual([])
})

test('a folder that cannot be written is told, and the graph is kept until the server stops', async () => {
  const file = join(await fresh(), 'a-file')
  await writeFile(file, '')
  const { cache, said } = await openCache({ dir: join(file, 'below') })
  expect((await cache.open(await heavy(), {}))?.file).toBeDefined()
  expect(said).toEqual([
    'The cache of optimised graphs cannot be written: they are kept only until the server stops',
    MADE,
  ])
})

test('a server that stops ends what runs', async () => {
  const { cache, said } = await openCache()
  const opened = cache.open(await heavy(), {})
  cache.close()
  await expect(opened).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
  expect(said).toEqual([])
})
