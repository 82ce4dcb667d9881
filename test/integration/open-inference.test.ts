import { gzipSync, deflateSync, gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  binaryBody,
  packed,
  send,
  startOpenInference,
  type OpenInferenceServer,
} from '../support/open-inference.ts'

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
const inferJson = (model: string, request: unknown) => infer(model, JSON.stringify(request))
const x = (datatype: string, shape: number[], data: unknown) => ({
  inputs: [{ name: 'x', datatype, shape, data }],
})
const get = async (path: string) => {
  const response = await fetch(server.inference + path)
  return { status: response.status, body: await response.json() }
}

describe('the server and its models describe themselves', () => {
  test('the server is live and ready, and says what it can', async () => {
    expect(await get('/v2/health/live')).toEqual({ status: 200, body: { live: true } })
    expect(await get('/v2/health/ready?verbose=1')).toEqual({ status: 200, body: { ready: true } })
    const { body } = await get('/v2')
    expect(body).toMatchObject({ name: 'sconce', version: '0.1.0' })
    expect(body).toHaveProperty(
      'extensions',
      expect.arrayContaining(['binary_tensor_data', 'classification']),
    )
  })

  test('metadata comes from the graph, with -1 for symbolic axes', async () => {
    expect(await get('/v2/models/wide')).toEqual({
      status: 200,
      body: {
        name: 'wide',
        versions: ['1.0'],
        platform: 'onnxruntime_onnx',
        inputs: [
          { name: 'a', datatype: 'FP32', shape: [-1, 3] },
          { name: 'b', datatype: 'INT64', shape: [-1, 3] },
        ],
        outputs: [
          { name: 'a_out', datatype: 'FP32', shape: [-1, 3] },
          { name: 'b_out', datatype: 'INT64', shape: [-1, 3] },
        ],
      },
    })
    expect((await get('/v2/models/wide/versions/1.0')).status).toBe(200)
  })

  test('a model without a graph takes bytes for its handler', async () => {
    expect((await get('/v2/models/shout')).body).toMatchObject({
      inputs: [{ name: 'data', datatype: 'BYTES', shape: [1] }],
      outputs: [{ name: 'output', datatype: 'BYTES', shape: [1] }],
    })
  })

  test('readiness, configuration, list and index', async () => {
    expect((await get('/v2/models/wide/ready')).body).toEqual({ name: 'wide', ready: true })
    expect((await get('/v2/models/wide/config')).body).toMatchObject({
      name: 'wide',
      max_batch_size: 0,
      input: [
        { name: 'a', data_type: 'TYPE_FP32', dims: [-1, 3] },
        { name: 'b', data_type: 'TYPE_INT64' },
      ],
    })
    expect((await get('/v2/models')).body).toHaveProperty('models', expect.arrayContaining(['wide', 'fraud']))
    const index = await send(`${server.inference}/v2/repository/index`, '{"ready":true}')
    expect(index.json).toContainEqual({ name: 'wide', version: '1.0', state: 'READY', reason: '' })
  })

  test.each([
    '/v2/models/nobody',
    '/v2/models/nobody/ready',
    '/v2/models/nobody/config',
    '/v2/models/nobody/stats',
  ])('%s is told to be unknown', async path => {
    const { status, body } = await get(path)
    expect(status).toBe(404)
    expect(body).toHaveProperty('error', "Request for unknown model: 'nobody' is not found")
  })

  test('an unknown version, path and method are told', async () => {
    const version = await get('/v2/models/wide/versions/9')
    expect(version.body).toHaveProperty('error', "Request for unknown model: 'wide' version 9 is not found")
    expect((await get('/v2/nothing')).status).toBe(404)
    expect((await get('/v2/models/wide/infer')).status).toBe(405)
  })
})

describe('JSON', () => {
  test('flat and nested lists give the same answer, with id and version', async () => {
    const flat = await inferJson('wide', {
      id: 'seven',
      inputs: [
        { name: 'a', datatype: 'FP32', shape: [2, 3], data: [1, 2.5, -3, 0.1, 1e-7, 65504] },
        {
          name: 'b',
          datatype: 'INT64',
          shape: [2, 3],
          data: [
            [1, 2, 3],
            [4, 5, 6],
          ],
        },
      ],
    })
    expect(flat.status).toBe(200)
    expect(flat.json).toEqual({
      id: 'seven',
      model_name: 'wide',
      model_version: '1.0',
      outputs: [
        { name: 'a_out', datatype: 'FP32', shape: [2, 3], data: [1, 2.5, -3, 0.1, 1e-7, 65504] },
        { name: 'b_out', datatype: 'INT64', shape: [2, 3], data: [1, 2, 3, 4, 5, 6] },
      ],
    })
  })

  test('only the outputs that are asked for come, in that order', async () => {
    const { json } = await inferJson('wide', {
      inputs: [
        { name: 'a', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] },
        { name: 'b', datatype: 'INT64', shape: [1, 3], data: [1, 2, 3] },
      ],
      outputs: [{ name: 'b_out' }],
    })
    expect(json.outputs?.map(({ name }) => name)).toEqual(['b_out'])
  })

  test.each([
    ['INT64', 'int64', ['9223372036854775807', '-9223372036854775808', '9007199254740993', '-1']],
    ['UINT64', 'uint64', ['18446744073709551615', '0', '9007199254740993', '1']],
  ])('%s keeps every digit', async (datatype, type, digits) => {
    const body = `{"inputs":[{"name":"x","datatype":"${datatype}","shape":[1,4],"data":[${digits.join()}]}]}`
    const { text } = await infer(`id_${type}`, body)
    expect(text).toContain(`"data":[${digits.join()}]`)
  })

  test.each(['FP32', 'FP64'])('NaN and the infinities survive in %s', async datatype => {
    const type = datatype === 'FP32' ? 'float32' : 'float64'
    const body = `{"inputs":[{"name":"x","datatype":"${datatype}","shape":[1,4],"data":[NaN,Infinity,-Infinity,-0]}]}`
    expect((await infer(`id_${type}`, body)).text).toContain('"data":[NaN,Infinity,-Infinity,')
  })

  test('texts, booleans and empty tensors', async () => {
    const texts = ['grün', '', 'with "quotes" and \\ \u0001']
    expect((await inferJson('id_string', x('BYTES', [1, 3], texts))).json.outputs?.[0]?.data).toEqual(texts)
    const flags = await inferJson('id_bool', x('BOOL', [1, 3], [true, false, 1]))
    expect(flags.json.outputs?.[0]?.data).toEqual([true, false, true])
    const empty = await inferJson('id_float32', x('FP32', [0, 4], []))
    expect(empty.json.outputs?.[0]).toMatchObject({ shape: [0, 4], data: [] })
    const scalar = await inferJson('scalar', x('FP32', [], [4.5]))
    expect(scalar.json.outputs?.[0]).toMatchObject({ shape: [], data: [4.5] })
  })

  test('base64 is read where the input says so', async () => {
    const { json } = await inferJson('id_string', {
      inputs: [
        {
          name: 'x',
          datatype: 'BYTES',
          shape: [1, 1],
          data: ['aGk='],
          parameters: { content_type: 'base64' },
        },
      ],
    })
    expect(json.outputs?.[0]?.data).toEqual(['hi'])
  })

  test('FP16 is refused as JSON and served as binary', async () => {
    const refused = await inferJson('id_float16', x('FP16', [1, 1], [1]))
    expect(refused.json.error).toMatch(/FP16 cannot be sent as JSON/)
    const bits = Buffer.from(Uint16Array.of(0x3c00, 0xc000).buffer)
    const sent = {
      inputs: [{ name: 'x', datatype: 'FP16', shape: [1, 2], parameters: { binary_data_size: 4 } }],
    }
    const { body, headers } = binaryBody({ ...sent, parameters: { binary_data_output: true } }, bits)
    expect((await infer('id_float16', body, headers)).binary).toEqual(bits)
  })
})

describe('the binary extension', () => {
  test('binary and JSON inputs mix, and so do outputs', async () => {
    const { body, headers } = binaryBody(
      {
        inputs: [
          { name: 'a', datatype: 'FP32', shape: [1, 3], parameters: { binary_data_size: 12 } },
          { name: 'b', datatype: 'INT64', shape: [1, 3], data: [1, 2, 3] },
        ],
        outputs: [{ name: 'a_out' }, { name: 'b_out', parameters: { binary_data: true } }],
      },
      Buffer.from(Float32Array.of(1, 2, 3).buffer),
    )
    const { json, binary, headers: given } = await infer('wide', body, headers)
    expect(json.outputs?.[0]?.data).toEqual([1, 2, 3])
    expect(json.outputs?.[1]).toEqual({
      name: 'b_out',
      datatype: 'INT64',
      shape: [1, 3],
      parameters: { binary_data_size: 24 },
    })
    expect(new BigInt64Array(Uint8Array.from(binary).buffer)).toEqual(BigInt64Array.of(1n, 2n, 3n))
    expect(given.get('content-type')).toBe('application/octet-stream')
  })

  test('a raw body is the only input, whose variable axis follows from its size', async () => {
    const data = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer)
    const headers = { 'inference-header-content-length': '0' }
    const { json, binary } = await infer('rows', data, headers)
    expect(json.outputs?.[0]).toMatchObject({ shape: [2, 2], parameters: { binary_data_size: 16 } })
    expect(binary).toEqual(data)
    expect((await infer('shout', 'quiet', headers)).binary).toEqual(packed('QUIET'))
    expect((await infer('wide', data, headers)).json.error).toMatch(/restricted to models with one input/)
    expect((await infer('rows', data.subarray(1), headers)).status).toBe(400)
  })

  test('BYTES of size 0 and empty texts come back', async () => {
    const request = (shape: number[], size: number) => ({
      inputs: [{ name: 'x', datatype: 'BYTES', shape, parameters: { binary_data_size: size } }],
      parameters: { binary_data_output: true },
    })
    const none = binaryBody(request([0, 1], 0))
    expect((await infer('id_string', none.body, none.headers)).json.outputs?.[0]?.shape).toEqual([0, 1])
    const two = binaryBody(request([1, 2], 9), packed('', 'a'))
    expect((await infer('id_string', two.body, two.headers)).binary).toEqual(packed('', 'a'))
  })

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ])('%s is read, and lengths are those of what is inside', async (encoding, pack) => {
    const { body, headers } = binaryBody(
      { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } }] },
      Buffer.from(Float32Array.of(1, 2).buffer),
    )
    const { json } = await infer('rows', pack(body), { ...headers, 'content-encoding': encoding })
    expect(json.outputs?.[0]?.data).toEqual([1, 2])
  })

  test('answers are compressed for who asks', async () => {
    const body = JSON.stringify(
      x(
        'FP32',
        [1, 4096],
        Array.from({ length: 4096 }, () => 0),
      ),
    )
    const response = await fetch(`${server.inference}/v2/models/id_float32/infer`, {
      method: 'POST',
      body,
      headers: { 'accept-encoding': 'br;q=1, gzip' },
    })
    expect(response.headers.get('content-encoding')).toBe('gzip')
    expect(await response.json()).toHaveProperty('outputs[0].shape', [1, 4096])
    expect(gunzipSync(gzipSync('x')).toString()).toBe('x')
  })
})
