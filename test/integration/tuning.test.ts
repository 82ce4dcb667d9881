/** The first worker of a model measures how it runs best on this machine; the management API shows what it found. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { fraudOnnx, makeStore, type ModelStore } from '../support/model-store.ts'
import { logged, startTestServer, type TestServer } from '../support/server.ts'

let store: ModelStore
let server: TestServer | undefined

beforeAll(async () => {
  store = await makeStore()
  await store.addOnnx('fraud', fraudOnnx)
})
afterEach(async () => {
  await server?.stop()
  server = undefined
})
afterAll(() => store.remove())

const ROW = JSON.stringify(Array.from({ length: 12 }, (_, index) => index / 12))
const predict = ({ inference }: TestServer) =>
  fetch(`${inference}/predictions/fraud`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: ROW,
  }).then(response => response.json())

test('batches form where nobody said a size, TorchServe’s field stays, and answers stay the same', async () => {
  server = await startTestServer(store)
  expect(await server.describe('fraud')).toMatchObject({
    batchSize: 1,
    batchLimit: expect.any(Number),
    measured: { threads: 1, runMs: { 1: expect.any(Number), 2: expect.any(Number) } },
  })
  const alone = await predict(server)
  const some = server
  const together = await Promise.all(Array.from({ length: 40 }, () => predict(some)))
  expect(together).toEqual(together.map(() => alone))
})

test('a tiny model gets one worker where nobody said how many', async () => {
  server = await startTestServer(store, ['--default-workers-per-model=0'])
  await logged(server, 'the measurement', ({ msg }) => msg === 'Measured the model on this machine')
  const { workers } = await server.describe('fraud')
  expect(workers).toHaveLength(1)
})

test('switched off, nothing is measured and no batches form', async () => {
  server = await startTestServer(store, ['--calibrate=false'])
  const described = await server.describe('fraud')
  expect(described).toMatchObject({ batchSize: 1, batchLimit: 1 })
  expect(described).not.toHaveProperty('measured')
})
