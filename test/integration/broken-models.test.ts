import { afterAll, beforeAll, expect, test } from 'vitest'
import { fraudOnnx, makeStore, type ModelStore } from '../support/model-store.ts'
import { digitPng } from '../support/http.ts'
import { digitsOnnx } from '../support/model-store.ts'
import { startManaged, type Managed } from '../support/managed.ts'
import { logged } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

const THROWS = 'export default { load() { throw new Error("weights missing in /opt/secret/weights.bin") } }'
const GIVEN_UP = 'minWorkers: 3\nmaxWorkers: 3\nmaxRetryTimeoutInSec: 0\n'

/** Logs what JSON cannot say, and records a metric with a value that is none. */
const CHATTY = `
  export default {
    preprocess: input => ({ input }),
    inference(batch, { logger, metrics }) {
      const circle = { name: 'circle' }
      circle.self = circle
      logger.info('said', { big: 5n, err: new TypeError('no'), circle })
      metrics.addCounter('Odd', 1, { dimension: 7n })
      return batch
    },
    postprocess: () => 'answered',
  }`

let store: ModelStore
let managed: Managed

beforeAll(async () => {
  store = await makeStore()
  await store.addHandler('broken', { handler: THROWS })
  await store.addHandler('hopeless', { handler: THROWS, config: GIVEN_UP })
  await store.addHandler('chatty', { handler: CHATTY })
  await store.addHandler('empty', { handler: 'export default {}' })
  await store.addHandler('slipped', { handler: 'export default { inferense: batch => batch }' })
  await store.addFile('not-onnx.onnx', 'this is no graph')
  await store.addOnnx('fraud', fraudOnnx)
  await store.addOnnx('bare', digitsOnnx)
  managed = await startManaged(store, ['--models', 'all'])
})
afterAll(async () => {
  await managed.stop()
  await store.remove()
})

test.each(['broken', 'not_onnx', 'empty'])(
  'a request to the model %s, which cannot load, is refused at once',
  async name => {
    const { status, body } = await managed.predict(name)
    expect(status).toBe(503)
    expect(body).toMatchObject({
      type: 'ServiceUnavailableException',
      reason: expect.stringMatching(/\w/) as string,
    })
    expect(JSON.stringify(body)).not.toMatch(/\/(opt|tmp|work)\//)
    expect(await managed.describe(name)).toMatchObject({
      state: 'failed',
      reason: expect.stringMatching(/\w/) as string,
    })
  },
)

test('a verb that is spelled wrong is named in the log, and where it is why the model does not load', async () => {
  const said = 'The handler has "inferense", which is no verb; did you mean inference?'
  const line = await logged(managed.server, 'the wrong verb', ({ msg }) => msg === said)
  expect(line).toMatchObject({ level: 40, model: 'slipped' })
  expect((await managed.describe('slipped')).reason).toContain(said)
})

test('scaling a model whose workers were all given up fails, and the server goes on', async () => {
  await waitFor('all three workers to be given up', async () => {
    const { workers } = await managed.describe('hopeless')
    return workers.every(({ state }) => state === 'failed')
  })
  const { status } = await managed.ask('PUT', '/models/hopeless?min_worker=1&max_worker=1&synchronous=true')
  expect(status).toBe(500)
  expect((await managed.predict('fraud', JSON.stringify(Array(12).fill(0)))).status).toBe(200)
})

test('a handler may log and record what JSON cannot say', async () => {
  expect(await managed.predict('chatty')).toMatchObject({ status: 200 })
  const line = await logged(managed.server, 'what the handler said', ({ msg }) => msg === 'said')
  expect(line).toMatchObject({ big: '5', err: { name: 'TypeError', message: 'no' } })
})

test('a bare .onnx file can be served by image_classifier', async () => {
  const registered = await managed.post(
    'url=bare.onnx&model_name=seen&handler=image_classifier&initial_workers=1',
  )
  expect(registered.status).toBe(200)
  const { body } = await managed.predict('seen', digitPng('digit_4_a.png'))
  expect(Object.keys(body as object)).toContain('4')
})
