/** Tensors without elements, for graphs with operators in which they would end ONNX Runtime's process. */
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GrpcClient } from '../support/grpc.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { binaryBody, send } from '../support/open-inference.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { identity, info, writeTinyOnnx, type TinyGraph } from '../unit/runtime/tiny-onnx.ts'

const numbers = (...dims: number[]) => ({
  dims,
  data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, index) => index / 10),
})

const TOP: TinyGraph = {
  nodes: [{ op: 'TopK', inputs: ['x', 'k'], outputs: ['y', 'places'] }],
  constants: { k: { dims: [1], data: BigInt64Array.of(2n) } },
  inputs: [info('x', 'float32', ['rows', 4])],
  outputs: [info('y', 'float32', ['rows', 2]), info('places', 'int64', ['rows', 2])],
}

const recurrent = (op: string, gates: number): TinyGraph => ({
  nodes: [{ op, inputs: ['x', 'w', 'r'], outputs: ['y'], attributes: { hidden_size: 2 } }],
  constants: { w: numbers(1, gates * 2, 3), r: numbers(1, gates * 2, 2) },
  inputs: [info('x', 'float32', ['time', 'batch', 3])],
  outputs: [info('y', 'float32', ['time', 1, 'batch', 2])],
})

const UNIQUE: TinyGraph = {
  nodes: [{ op: 'Unique', inputs: ['x'], outputs: ['y'], attributes: { axis: 0 } }],
  inputs: [info('x', 'float32', ['rows', 'n'])],
  outputs: [info('y', 'float32', ['found', 'n'])],
}

/** A handler whose preprocess finds nothing, as one that looks for objects in an image may. */
const FINDS_NOTHING = `export default {
  preprocess: () => ({ x: { type: 'float32', dims: [0, 4], data: new Float32Array(0) } }),
}`

let store: ModelStore
let server: TestServer

beforeAll(async () => {
  store = await makeStore()
  const graphs = {
    top: TOP,
    gru: recurrent('GRU', 3),
    lstm: recurrent('LSTM', 4),
    unique: UNIQUE,
    same: identity('float32', ['rows', 4]),
  }
  for (const [name, graph] of Object.entries(graphs)) {
    await copyFile(writeTinyOnnx(graph), join(store.dir, `${name}.onnx`))
  }
  await store.addHandler('nothing', { handler: FINDS_NOTHING, onnx: writeTinyOnnx(TOP) })
  server = await startTestServer(store)
})

afterAll(async () => {
  await server.stop()
  await store.remove()
})

const pidOf = async (model: string) => (await server.describe(model)).workers[0]?.pid

const tensor = (shape: readonly number[]) => ({
  name: 'x',
  datatype: 'FP32',
  shape,
  data: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => index),
})

const infer = (model: string, shape: readonly number[]) =>
  send(`${server.inference}/v2/models/${model}/infer`, JSON.stringify({ inputs: [tensor(shape)] }))

const FATAL = [
  { model: 'top', operator: 'TopK', empty: [0, 4], full: [3, 4] },
  { model: 'gru', operator: 'GRU', empty: [2, 0, 3], full: [2, 1, 3] },
  { model: 'gru', operator: 'GRU', empty: [0, 5, 3], full: [2, 1, 3] },
  { model: 'lstm', operator: 'LSTM', empty: [2, 0, 3], full: [2, 1, 3] },
  { model: 'unique', operator: 'Unique', empty: [3, 0], full: [3, 1] },
]

describe('a tensor without elements', () => {
  test.each(FATAL)(
    'of shape $empty is refused for a graph with $operator, whose worker lives',
    async ({ model, operator, empty, full }) => {
      const pid = await pidOf(model)
      const refused = await infer(model, empty)
      expect(refused).toMatchObject({
        status: 400,
        json: { error: expect.stringContaining(`because the model's ${operator} cannot run without`) },
      })
      expect(refused.json.error).toContain('"x": expected at least one element on every axis')
      expect(await infer(model, full)).toMatchObject({ status: 200 })
      expect(await pidOf(model)).toBe(pid)
    },
  )

  test('is refused as binary and over gRPC too', async () => {
    const head = { name: 'x', datatype: 'FP32', shape: [0, 4], parameters: { binary_data_size: 0 } }
    const { body, headers } = binaryBody({ inputs: [head] })
    const { status } = await send(`${server.inference}/v2/models/top/infer`, body, headers)
    expect(status).toBe(400)
    const client = new GrpcClient(server.server.grpc?.inference ?? '')
    const inputs = [{ name: 'x', datatype: 'FP32', shape: ['0', '4'] }]
    const request = { model_name: 'top', inputs, raw_input_contents: [Buffer.alloc(0)] }
    expect(await client.call('inference.GRPCInferenceService/ModelInfer', request)).toEqual({
      code: 3,
      details: expect.stringContaining('expected at least one element'),
    })
    client.close()
  })

  test('that a handler makes is refused as well', async () => {
    const pid = await pidOf('nothing')
    for (const path of ['predictions/nothing', 'v1/models/nothing:predict']) {
      const { status, text } = await send(`${server.inference}/${path}`, '{"instances": [1]}', {
        'content-type': 'application/json',
      })
      expect([status, text]).toEqual([400, expect.stringContaining('expected at least one element')])
    }
    expect(await pidOf('nothing')).toBe(pid)
  })

  test('is answered by any other graph', async () => {
    const { status, json } = await infer('same', [0, 4])
    expect([status, json.outputs?.[0]?.shape]).toEqual([200, [0, 4]])
  })
})
