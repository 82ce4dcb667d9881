/** service_envelope: what TorchServe's envelopes make of requests and answers, on any route. */
import { afterEach, expect, test } from 'vitest'
import { send, startOpenInference, type OpenInferenceServer } from '../support/open-inference.ts'

const JSON_BODY = { 'content-type': 'application/json' }
let server: OpenInferenceServer | undefined
afterEach(async () => {
  await server?.stop()
  await server?.store.remove()
})

async function ask(envelope: string, path: string, request: unknown) {
  server = await startOpenInference([`--service-envelope=${envelope}`, '--models', 'rows.onnx,shout-1.0'])
  return send(server.inference + path, JSON.stringify(request), JSON_BODY)
}

test('json answers in one line, as Python prints it', async () => {
  const { text } = await ask('json', '/predictions/rows', {
    instances: [
      [1, 2],
      [3, 4],
    ],
  })
  expect(text).toBe('{"predictions": [[1, 2], [3, 4]]}')
})

test('kserve decodes what is in base64', async () => {
  const data = { b64: Buffer.from('quiet').toString('base64') }
  const { json } = await ask('kserve', '/predictions/shout', { instances: [{ data }] })
  expect(json).toEqual({ predictions: ['QUIET'] })
})

test('body leaves the body as it is', async () => {
  const { json } = await ask('body', '/predictions/rows', [[1, 2]])
  expect(json).toEqual([[1, 2]])
})

test.each(['/predictions/rows', '/v2/models/rows/infer'])(
  'kservev2 hands each input of %s to the handler',
  async path => {
    const { json } = await ask('kservev2', path, {
      id: 'seven',
      inputs: [{ name: 'input-0', shape: [2, 2], datatype: 'FP32', data: [1, 2, 3, 4] }],
    })
    expect(json).toEqual({
      id: 'seven',
      model_name: 'rows',
      model_version: '1.0',
      outputs: [{ name: 'input-0', datatype: 'FP32', data: [1, 2, 3, 4], shape: [2, 2] }],
    })
  },
)
