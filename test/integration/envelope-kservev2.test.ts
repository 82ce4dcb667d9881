/** service_envelope=kservev2: tensors of the Open Inference Protocol for a handler that knows nothing of them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { send } from '../support/open-inference.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

/** Answers with what it was given, or with what it was asked for by name. */
const ECHO = `const named = {
  count: () => 7,
  share: () => 0.5,
  mixed: () => [1, 0.5],
  large: () => 9007199254740993n,
  yes: () => true,
  word: () => 'four',
  words: () => ['a', 'b'],
  nothing: () => null,
  object: () => ({ label: 'cat', score: 1 }),
  ragged: () => [[1], [2, 3]],
  bytes: () => new Uint8Array([1, 2]),
  tensor: () => ({ type: 'float32', dims: [1, 2], data: Float32Array.of(0.5, 2) }),
}
export default {
  preprocess: input => ({ input }),
  inference: batch => batch,
  postprocess: (_output, { data }) => (typeof data === 'string' && named[data] ? named[data]() : data),
}`

let store: ModelStore
let server: TestServer

beforeAll(async () => {
  store = await makeStore()
  await store.addHandler('echo', { handler: ECHO })
  server = await startTestServer(store, ['--service-envelope=kservev2'])
})

afterAll(async () => {
  await server.stop()
  await store.remove()
})

const ask = (request: unknown, path = '/v2/models/echo/infer') =>
  send(server.inference + path, JSON.stringify(request), { 'content-type': 'application/json' })

const input = (datatype: string, shape: readonly unknown[], data: unknown, name = 'x') => ({
  name,
  datatype,
  shape,
  data,
})

/** The only output for one input. */
async function outputFor(tensor: ReturnType<typeof input>): Promise<unknown> {
  const { status, json } = await ask({ inputs: [tensor] })
  expect(status).toBe(200)
  return json.outputs?.[0]
}

describe('an input', () => {
  test.each([
    ['flat', [1, 2, 3, 4]],
    [
      'nested',
      [
        [1, 2],
        [3, 4],
      ],
    ],
  ])('whose data is %s reaches the handler in its shape', async (_how, data) => {
    expect(await outputFor(input('INT64', [2, 2], data))).toEqual({
      name: 'x',
      datatype: 'INT64',
      shape: [2, 2],
      data: [1, 2, 3, 4],
    })
  })

  test('of a shape without axes is one number', async () => {
    expect(await outputFor(input('FP32', [], [0.5]))).toMatchObject({
      datatype: 'FP64',
      shape: [1],
      data: [0.5],
    })
  })

  test('without elements has no rows, however many its shape tells of', async () => {
    expect(await outputFor(input('FP32', [1_000_000_000, 0], []))).toMatchObject({ shape: [0], data: [] })
  })

  test('of BYTES is its first element', async () => {
    expect(await outputFor(input('BYTES', [2], ['some', 'more']))).toMatchObject({
      datatype: 'BYTES',
      shape: [1],
      data: ['some'],
    })
  })

  test('of several has an output of its name each, in their order', async () => {
    const inputs = [input('INT32', [1], [1], 'second'), input('INT32', [1], [2], 'first')]
    const { json } = await ask({ inputs })
    expect(json.outputs?.map(({ name, data }) => [name, data])).toEqual([
      ['second', [1]],
      ['first', [2]],
    ])
  })
})

test.each([
  ['count', { datatype: 'INT64', shape: [1], data: [7] }],
  ['share', { datatype: 'FP64', shape: [1], data: [0.5] }],
  ['mixed', { datatype: 'FP64', shape: [2], data: [1, 0.5] }],
  ['yes', { datatype: 'BOOL', shape: [1], data: [true] }],
  ['word', { datatype: 'BYTES', shape: [1], data: ['four'] }],
  ['words', { datatype: 'BYTES', shape: [2], data: ['a', 'b'] }],
  ['object', { datatype: 'BYTES', shape: [1], data: ['{"label": "cat", "score": 1}'] }],
  ['ragged', { datatype: 'BYTES', shape: [1], data: ['[[1], [2, 3]]'] }],
  ['nothing', { datatype: 'BYTES', shape: [1], data: ['null'] }],
  ['bytes', { datatype: 'BYTES', shape: [1], data: ['{"b64": "AQI="}'] }],
  ['tensor', { datatype: 'FP32', shape: [1, 2], data: [0.5, 2] }],
])('what the handler answers with is an output: %s', async (name, output) => {
  expect(await outputFor(input('BYTES', [1], [name]))).toEqual({ name: 'x', ...output })
})

test('whole numbers keep every digit', async () => {
  const { text } = await ask({ inputs: [input('BYTES', [1], ['large'])] })
  expect(text).toContain('9007199254740993')
})

test('the id comes back; where there is none, it is that of the request', async () => {
  const inputs = [input('INT32', [1], [1])]
  expect((await ask({ id: 'seven', inputs })).json['id']).toBe('seven')
  const { json, headers } = await ask({ inputs })
  expect(json['id']).toBe(headers.get('x-request-id'))
})

describe('a request that is none is refused with what was expected', () => {
  const LIST = 'Expected "inputs" to be a list of 1 to 1000 tensors'
  const TENSOR =
    'Expected each of "inputs" to be an object with name, shape (whole numbers), datatype and data'
  test.each([
    ['without inputs', {}, LIST],
    ['with no inputs', { inputs: [] }, LIST],
    ['with inputs that are no list', { inputs: 'x' }, LIST],
    ['with too many', { inputs: Array(1001).fill(input('INT32', [1], [1])) }, LIST],
    ['with an input that is a number', { inputs: [1] }, TENSOR],
    ['without a name', { inputs: [{ shape: [1], datatype: 'INT32', data: [1] }] }, TENSOR],
    ['without data', { inputs: [{ name: 'x', shape: [1], datatype: 'INT32' }] }, TENSOR],
    ['with a negative axis', { inputs: [input('INT32', [-1], [1])] }, TENSOR],
    ['with half an axis', { inputs: [input('INT32', [0.5], [1])] }, TENSOR],
    ['with too many axes', { inputs: [input('INT32', Array(17).fill(1), [1])] }, TENSOR],
    [
      'with too few elements',
      { inputs: [input('INT32', [2, 2], [1, 2, 3])] },
      'Input "x": expected 4 elements for shape [2,2], got 3',
    ],
    [
      'with a shape beyond all numbers',
      { inputs: [input('INT32', [2 ** 40, 2 ** 40], [1])] },
      'elements for shape [1099511627776,1099511627776], got 1',
    ],
  ])('%s', async (_what, request, text) => {
    for (const path of ['/v2/models/echo/infer', '/predictions/echo']) {
      const { status, json } = await ask(request, path)
      expect([status, json['message']]).toEqual([400, expect.stringContaining(text)])
    }
    expect((await ask({ inputs: [input('INT32', [1], [1])] })).status).toBe(200)
  })
})
