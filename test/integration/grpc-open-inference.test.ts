/** The Open Inference Protocol over gRPC, asked by grpc-js with the files of proto/. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GrpcClient } from '../support/grpc.ts'
import { digitPng, probabilitiesOf } from '../support/http.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

let store: ModelStore
let server: TestServer
let inference: GrpcClient

beforeAll(async () => {
  store = await makeStore()
  await store.addDigits()
  server = await startTestServer(store)
  inference = new GrpcClient(server.server.grpc?.inference ?? '')
})

afterAll(async () => {
  inference.close()
  await server.stop()
  await store.remove()
})

// TorchServe's package has the same service.
describe.each([
  'inference.GRPCInferenceService',
  'org.pytorch.serve.grpc.openinference.GRPCInferenceService',
])('%s', OIP => {
  test('tells of server and model', async () => {
    expect(await inference.ask(`${OIP}/ServerLive`)).toEqual({ live: true })
    expect(await inference.ask(`${OIP}/ServerReady`)).toEqual({ ready: true })
    expect(await inference.ask(`${OIP}/ModelReady`, { name: 'digits' })).toEqual({ ready: true })
    expect(await inference.ask(`${OIP}/ServerMetadata`)).toMatchObject({ name: 'sconce', version: '0.1.0' })
    expect(await inference.ask(`${OIP}/ModelMetadata`, { name: 'digits' })).toMatchObject({
      name: 'digits',
      versions: ['1.0'],
      platform: 'onnxruntime_onnx',
      inputs: [{ name: 'image', datatype: 'FP32', shape: ['-1', '1', '8', '8'] }],
      outputs: [{ name: 'logits', datatype: 'FP32', shape: ['-1', '10'] }],
    })
  })

  const values = Array.from({ length: 64 }, (_, index) => index / 64)
  const head = { name: 'image', datatype: 'FP32', shape: ['1', '1', '8', '8'] }
  const raw = Buffer.from(new Float32Array(values).buffer)

  test('infers the same from contents and from raw bytes, and answers in kind', async () => {
    const fromRaw = await inference.ask(`${OIP}/ModelInfer`, {
      model_name: 'digits',
      id: 'mine',
      inputs: [head],
      raw_input_contents: [raw],
    })
    const logits = Reflect.get(Object(fromRaw), 'raw_output_contents') as Buffer[]
    expect(fromRaw).toMatchObject({
      model_name: 'digits',
      model_version: '1.0',
      id: 'mine',
      outputs: [{ name: 'logits', datatype: 'FP32', shape: ['1', '10'], contents: null }],
    })
    const fromContents = await inference.ask(`${OIP}/ModelInfer`, {
      model_name: 'digits',
      inputs: [{ ...head, contents: { fp32_contents: values } }],
      outputs: [{ name: 'logits' }],
    })
    const bytes = new Uint8Array(logits[0] ?? [])
    expect(fromContents).toMatchObject({
      raw_output_contents: [],
      outputs: [{ name: 'logits', contents: { fp32_contents: Array.from(new Float32Array(bytes.buffer)) } }],
    })
  })

  test('takes the bytes for a handler as one BYTES', async () => {
    const answer = await inference.ask(`${OIP}/ModelInfer`, {
      model_name: 'digits',
      inputs: [
        {
          name: 'data',
          datatype: 'BYTES',
          shape: ['1'],
          contents: { bytes_contents: [digitPng('digit_7_a.png')] },
        },
      ],
    })
    const outputs = Reflect.get(Object(answer), 'outputs') as { contents: { bytes_contents: Buffer[] } }[]
    const probabilities = probabilitiesOf(JSON.parse(String(outputs[0]?.contents.bytes_contents[0])))
    expect(probabilities[7]).toBeGreaterThan(0.9)
  })

  const input = (more: object) => ({ model_name: 'digits', inputs: [{ ...head, ...more }] })
  test.each([
    [
      'an unknown model',
      { ...input({ contents: { fp32_contents: values } }), model_name: 'nobody' },
      5,
      /^Request for unknown model: 'nobody'/,
    ],
    ['no model', { inputs: [] }, 3, /^Parameter model_name is required/],
    ['no data', input({}), 3, /got 0 elements in fp32_contents, expected 64/],
    ['too little data', input({ contents: { fp32_contents: [1] } }), 3, /got 1 elements in fp32_contents/],
    [
      'the wrong contents',
      input({ contents: { fp64_contents: values } }),
      3,
      /expected fp32_contents, got fp64_contents/,
    ],
    ['an unknown datatype', input({ datatype: 'FP99' }), 3, /unknown datatype 'FP99'/],
    ['contents of a raw datatype', input({ datatype: 'FP16' }), 3, /FP16, which has no contents/],
    ['a negative axis', input({ shape: ['-1', '64'] }), 3, /must be whole numbers >= 0/],
    ['a shape beyond all memory', input({ shape: ['9223372036854775807', '8'] }), 3, /shape/],
    [
      'both contents and raw',
      { ...input({ contents: { fp32_contents: values } }), raw_input_contents: [raw] },
      3,
      /has contents beside raw_input_contents/,
    ],
    ['too many raw', { ...input({}), raw_input_contents: [raw, raw] }, 3, /has 2 entries, expected 1/],
    ['a short raw', { ...input({}), raw_input_contents: [raw.subarray(4)] }, 3, /total byte size 252/],
    [
      'an element out of range',
      input({ datatype: 'UINT8', shape: ['1'], contents: { uint_contents: [256] } }),
      3,
      /has an element 256, expected 0 to 255/,
    ],
    [
      'lengths of BYTES that lie',
      { ...input({ datatype: 'BYTES', shape: ['1'] }), raw_input_contents: [Buffer.from([9, 0, 0, 0, 1])] },
      3,
      /incomplete string/,
    ],
    ['another input than the graph has', input({ name: 'x', contents: { fp32_contents: values } }), 3, /x/],
    [
      'an unknown output',
      { ...input({ contents: { fp32_contents: values } }), outputs: [{ name: 'nothing' }] },
      3,
      /nothing/,
    ],
  ])('refuses %s', async (_what, request, code, details) => {
    expect(await inference.call(`${OIP}/ModelInfer`, request)).toEqual({
      code,
      details: expect.stringMatching(details),
    })
    expect(await inference.ask(`${OIP}/ServerLive`)).toEqual({ live: true })
  })
})
