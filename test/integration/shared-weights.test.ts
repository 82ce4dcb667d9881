/** Large graphs are laid out once, and the workers of a model share the pages of their weights. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshFolders } from '../support/archive-fixtures.ts'
import { writeHeavyOnnx } from '../support/heavy-onnx.ts'
import { startManaged } from '../support/managed.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'

const fresh = freshFolders()
const WIDTH = 768
const body = JSON.stringify(Array.from({ length: WIDTH }, (_, index) => (index % 13) / 13))

let store: ModelStore

beforeAll(async () => {
  store = await makeStore()
  await writeHeavyOnnx(join(store.dir, 'heavy.onnx'), { width: WIDTH })
})
afterAll(() => store.remove())

async function answersWith(flag: string, workers: number) {
  const managed = await startManaged(store, [`--optimized-graph-cache=${flag}`])
  try {
    const said = await managed.post(
      `url=heavy.onnx&model_name=heavy&initial_workers=${workers}&synchronous=true`,
    )
    expect(said.status).toBe(200)
    const { body: answer } = await managed.predict('heavy', body)
    const { workers: processes } = await managed.describe('heavy')
    const maps = await Promise.all(processes.map(({ pid }) => readFile(`/proc/${pid}/maps`, 'utf8')))
    const mapped = maps.map(text => /\S+\/model\.onnx\.data/.exec(text)?.[0])
    return { answer, mapped, said: managed.server.log.map(({ msg }) => msg) }
  } finally {
    await managed.stop()
  }
}

test('two workers map one file of weights, and answer as a worker with the plain file', async () => {
  const cache = await fresh()
  const shared = await answersWith(cache, 2)
  expect(shared.said).toContain('Optimised a graph for this machine')
  expect(shared.mapped[0]).toBeDefined()
  expect(shared.mapped[1]).toBe(shared.mapped[0])
  const plain = await answersWith('false', 1)
  expect(plain.mapped).toEqual([undefined])
  expect(plain.answer).toEqual(shared.answer)
  const again = await answersWith(cache, 1)
  expect(again.said).toContain('Took an optimised graph from the cache')
  expect(again.answer).toEqual(shared.answer)
})
