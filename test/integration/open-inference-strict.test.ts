/** What a lenient reader would take for something else over the Open Inference Protocol is refused, in words. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { binaryBody, send, startOpenInference, type OpenInferenceServer } from '../support/open-inference.ts'

let server: OpenInferenceServer
beforeAll(async () => {
  server = await startOpenInference()
})
afterAll(async () => {
  await server.stop()
  await server.store.remove()
})

const infer = (model: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  send(`${server.inference}/v2/models/${model}/infer`, body, headers)
const bodyOf = (datatype: string, data: string, more = '') =>
  `{"inputs":[{"name":"x","datatype":"${datatype}","shape":[1,1],"data":[${data}]${more}}]}`

test('members that are null count as left out', async () => {
  const input = { name: 'x', datatype: 'FP32', shape: [1, 1], data: [1], parameters: null }
  const { status, json } = await infer(
    'id_float32',
    JSON.stringify({ id: null, parameters: null, inputs: [input], outputs: null }),
  )
  expect([status, json.outputs?.[0]?.data, json['id']]).toEqual([200, [1], undefined])
})

test.each([
  [
    'a member twice',
    'float32',
    bodyOf('FP32', '1', ',"datatype":"INT32"'),
    /expected each member once at byte 66/,
  ],
  [
    'what is no JSON where nobody looks',
    'float32',
    bodyOf('FP32', '1', ',"more":[1}'),
    /expected JSON at byte/,
  ],
  [
    'a number that would be infinite',
    'float32',
    bodyOf('FP32', '1e400'),
    /expected a number in the range for FP32/,
  ],
  [
    'a double that would be infinite',
    'float64',
    bodyOf('FP64', '-1e400'),
    /expected a number in the range for FP64/,
  ],
  ['half a surrogate pair', 'string', bodyOf('BYTES', '"\\ud800"'), /input 'x': .*half a surrogate pair/],
  [
    'what is no base64',
    'string',
    bodyOf('BYTES', '"%%%"', ',"parameters":{"content_type":"base64"}'),
    /expected base64 for BYTES/,
  ],
  [
    'a shape that no run takes, though it is empty',
    'float32',
    '{"inputs":[{"name":"x","datatype":"FP32","shape":[0,9007199254740991],"data":[]}]}',
    /exceeds the maximum allowed 2147483647 elements/,
  ],
])('%s', async (_about, type, body, error) => {
  const { status, json } = await infer(`id_${type}`, body)
  expect(json.error).toMatch(error)
  expect(status).toBe(400)
})

test('JSON that is no UTF-8', async () => {
  const [before = '', after = ''] = bodyOf('BYTES', '"?"').split('?')
  const body = Buffer.concat([Buffer.from(before), Buffer.of(0xff), Buffer.from(after)])
  const { status, json } = await infer('id_string', body)
  expect([status, json.error]).toEqual([400, 'failed to parse the request JSON: expected UTF-8 text'])
})

test('bytes of BOOL that are neither 0 nor 1', async () => {
  const input = { name: 'x', datatype: 'BOOL', shape: [1, 2], parameters: { binary_data_size: 2 } }
  const { body, headers } = binaryBody({ inputs: [input] }, Buffer.of(1, 2))
  const { status, json } = await infer('id_bool', body, headers)
  expect([status, json.error]).toEqual([400, "inference input 'x': expected bytes of 0 or 1 for BOOL"])
})

test('two outputs of a handler, which has one', async () => {
  const inputs = [{ name: 'data', datatype: 'BYTES', shape: [1], data: ['quiet'] }]
  const ask = (...names: string[]) =>
    infer('shout', JSON.stringify({ inputs, outputs: names.map(name => ({ name })) }))
  expect((await ask('any')).json.outputs?.[0]).toMatchObject({ name: 'any', data: ['QUIET'] })
  const { status, json } = await ask('a', 'b')
  expect([status, json.error]).toEqual([
    400,
    "the handler of model 'shout' gives one output, expected at most one to be asked for, got 2",
  ])
})

test("a handler's own status is the answer's, with its text as the error", async () => {
  const inputs = [{ name: 'data', datatype: 'BYTES', shape: [1], data: ['teapot'] }]
  const { status, json } = await infer('shout', JSON.stringify({ inputs }))
  expect([status, json.error]).toEqual([418, 'no coffee'])
})

test('JSON and binary tensors of the same values give the same answer', async () => {
  const count = 2000
  const bits = Uint32Array.from({ length: count }, (_, index) => Math.imul(index + 7, 2_654_435_761))
  const values = new Float32Array(bits.buffer).map(value => (Number.isNaN(value) ? 0.1 : value))
  const head = { name: 'x', datatype: 'FP32', shape: [1, count] }
  const text = `{"parameters":{"binary_data_output":true},"inputs":[{"name":"x","datatype":"FP32","shape":[1,${count}],"data":[${values.join()}]}]}`
  const asJson = await infer('id_float32', text)
  const request = {
    parameters: { binary_data_output: true },
    inputs: [{ ...head, parameters: { binary_data_size: 4 * count } }],
  }
  const { body, headers } = binaryBody(request, new Uint8Array(values.buffer))
  const asBinary = await infer('id_float32', body, headers)
  expect(asJson.binary.equals(asBinary.binary)).toBe(true)
  expect(asBinary.binary.equals(Buffer.from(values.buffer))).toBe(true)
})

test('KServe v1 finds its envelope whatever the content type, and refuses what is no base64', async () => {
  const predict = (model: string, request: unknown, type: string) =>
    send(`${server.inference}/v1/models/${model}:predict`, JSON.stringify(request), { 'content-type': type })
  for (const type of ['text/plain', 'application/json', 'application/octet-stream']) {
    expect((await predict('rows', { instances: [[1, 2]] }, type)).json).toEqual({ predictions: [[1, 2]] })
  }
  const refused = await predict('shout', { instances: [{ b64: '%%%' }] }, 'application/json')
  expect([refused.status, refused.json.error]).toEqual([
    400,
    'Expected base64, got a text of 3 characters that begins "%%%"',
  ])
})
