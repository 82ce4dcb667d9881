/** What a client can do wrong over the Open Inference Protocol: each is told what was expected, and the next request works. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
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
/** The next request works, whatever came before it. */
afterEach(async () => {
  const { status, text } = await infer('rows', JSON.stringify(good))
  if (status !== 200) throw new Error(`After it the server answered ${status} ${text}`)
})

const input = { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }
const good = { inputs: [input] }
const infer = (model: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  send(`${server.inference}/v2/models/${model}/infer`, body, headers)
const floats = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer)

describe('JSON that is not a request', () => {
  test.each([
    ['nothing', '', /expected the request to be an object/],
    ['no JSON', 'hello', /expected the request to be an object at byte 0/],
    ['a list', '[]', /expected the request to be an object/],
    ['cut off', '{"inputs":[{"name":"x"', /expected .* at byte 22, got the end/],
    ['more behind it', `${JSON.stringify(good)}x`, /expected the end at byte/],
    ['no inputs', '{}', /Unable to parse 'inputs'/],
    ['inputs that are no list', '{"inputs":7}', /expected 'inputs' to be a list/],
    ['an id that is no text', '{"id":7,"inputs":[]}', /Unable to parse 'id'/],
    ['parameters that are none', '{"parameters":[],"inputs":[]}', /Unable to parse 'parameters'/],
    [
      'nesting of 101',
      `{"more":${'['.repeat(101)}${']'.repeat(101)}}`,
      /JSON nesting depth exceeds the limit of 100/,
    ],
    [
      'nesting in data',
      `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":${'['.repeat(5000)}`,
      /Shape does not match/,
    ],
    [
      'nesting of data that is read later',
      `{"inputs":[{"data":${'['.repeat(5000)}`,
      /JSON nesting depth exceeds/,
    ],
    ['a reserved parameter', JSON.stringify({ ...good, parameters: { triton_x: 1 } }), /is reserved/],
  ])('%s', async (_name, body, error) => {
    const answer = await infer('rows', body)
    expect(answer.status).toBe(400)
    expect(answer.json.error).toMatch(error)
    expect(answer.headers.get('content-type')).toBe('application/json')
  })
})

describe('inputs and outputs that are not those of the model', () => {
  const withInput = (more: object) => ({ inputs: [{ ...input, ...more }] })
  test.each([
    [
      'an unknown input',
      { inputs: [input, { ...input, name: 'z' }] },
      /unexpected inference input 'z' for model 'rows'/,
    ],
    ['an input twice', { inputs: [input, input] }, /input 'x' already exists in request/],
    ['no input', { inputs: [] }, /expected 1 inputs but got 0 inputs for model 'rows'/],
    [
      'an unknown output',
      { ...good, outputs: [{ name: 'z' }] },
      /unexpected inference output 'z' for model 'rows'/,
    ],
    ['an output twice', { ...good, outputs: [{ name: 'y' }, { name: 'y' }] }, /output 'y' already requested/],
    [
      'another datatype',
      withInput({ datatype: 'INT32' }),
      /data-type is 'INT32', but model 'rows' expects 'FP32'/,
    ],
    ['an unknown datatype', withInput({ datatype: 'FP31' }), /unknown datatype 'FP31'/],
    [
      'another rank',
      withInput({ shape: [2] }),
      /unexpected shape for input 'x' for model 'rows'. Expected \[-1,2\], got \[2\]/,
    ],
    ['another size', withInput({ shape: [1, 3], data: [1, 2, 3] }), /Expected \[-1,2\], got \[1,3\]/],
    [
      'fewer elements',
      withInput({ shape: [2, 2] }),
      /Shape does not match true shape of 'data'.*expected 4 elements/,
    ],
    ['more elements', withInput({ data: [1, 2, 3] }), /Shape does not match true shape of 'data'/],
    [
      'ragged lists',
      withInput({ shape: [2, 2], data: [[1, 2, 3], [4]] }),
      /Shape does not match true shape of 'data'/,
    ],
    ['a negative axis', withInput({ shape: [-1, 2] }), /must be whole numbers >= 0, got \[-1,2\]/],
    ['a fraction of an axis', withInput({ shape: [1.5, 2] }), /must be whole numbers >= 0/],
    ['a huge axis', withInput({ shape: [1e15, 2] }), /exceeds the maximum allowed/],
    [
      'axes whose product overflows',
      withInput({ shape: [2 ** 31, 2 ** 31, 2 ** 31] }),
      /exceeds the maximum allowed/,
    ],
    [
      'axes that would take all memory',
      withInput({ shape: [2 ** 31, 2] }),
      /Shape does not match|exceeds the maximum/,
    ],
    ['sixty-five axes', withInput({ shape: Array.from({ length: 65 }, () => 1) }), /expected at most 64/],
    ['text for numbers', withInput({ data: ['1', 2] }), /input 'x'.*expected a number for FP32/],
    ['null for numbers', withInput({ data: [null, 2] }), /expected a number for FP32/],
    ['a number too large', withInput({ data: [1e39, 2] }), /expected a number in the range for FP32/],
    ['no data', { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2] }] }, /Unable to find 'data'/],
    [
      'no shape',
      { inputs: [{ name: 'x', datatype: 'FP32', data: [1] }] },
      /Unable to find 'shape' of input 'x'/,
    ],
    [
      'classes without end',
      { ...good, outputs: [{ name: 'y', parameters: { classification: 1e7 } }] },
      /exceeds the maximum allowed/,
    ],
    [
      'classes of minus one',
      { ...good, outputs: [{ name: 'y', parameters: { classification: -1 } }] },
      /whole number/,
    ],
    [
      'a binary flag that is none',
      { ...good, parameters: { binary_data_output: 'yes' } },
      /expected true or false/,
    ],
    ['a negative timeout', { ...good, parameters: { timeout: -1 } }, /Unable to parse 'timeout'/],
  ])('%s', async (_name, request, error) => {
    const answer = await infer('rows', JSON.stringify(request))
    expect(answer.status).toBe(400)
    expect(answer.json.error).toMatch(error)
  })

  test.each([
    ['INT8', 'int8', 128],
    ['UINT8', 'uint8', -1],
    ['INT32', 'int32', 2147483648],
    ['UINT64', 'uint64', -1],
    ['INT64', 'int64', '9223372036854775808'],
    ['INT16', 'int16', 1.5],
    ['INT32', 'int32', '1e3'],
    ['INT32', 'int32', '01'],
    ['BOOL', 'bool', 2],
    ['FP64', 'float64', '1.'],
    ['FP64', 'float64', '+1'],
  ])('%s refuses what it cannot hold', async (datatype, type, value) => {
    const body = `{"inputs":[{"name":"x","datatype":"${datatype}","shape":[1,1],"data":[${value}]}]}`
    const answer = await infer(`id_${type}`, body)
    expect(answer.status).toBe(400)
    expect(answer.json.error).toMatch(/^input 'x': .*expected/)
  })

  test('what is not served is told as such', async () => {
    const shared = { shared_memory_region: 'r', shared_memory_byte_size: 8 }
    const memory = await infer(
      'rows',
      JSON.stringify({ inputs: [{ ...input, data: undefined, parameters: shared }] }),
    )
    expect([memory.status, memory.json.error]).toEqual([501, 'shared memory is not served'])
    const sequence = await infer('rows', JSON.stringify({ ...good, parameters: { sequence_id: 7 } }))
    expect(sequence.status).toBe(501)
    expect((await send(`${server.inference}/v2/models/rows/generate`, '{}')).status).toBe(501)
  })

  test('a deadline that has passed is told', async () => {
    const answer = await infer('rows', JSON.stringify({ ...good, parameters: { timeout: 0.0001 } }))
    expect([answer.status, answer.json.error]).toEqual([504, 'Request timeout expired'])
  })

  test('bytes that are no text, and more than one request for a handler', async () => {
    const request = {
      inputs: [{ name: 'x', datatype: 'BYTES', shape: [1, 1], parameters: { binary_data_size: 5 } }],
    }
    const { body, headers } = binaryBody(request, packed(Uint8Array.of(0xff)))
    expect((await infer('id_string', body, headers)).json.error).toMatch(/expected UTF-8 text/)
    const two = { inputs: [{ name: 'data', datatype: 'BYTES', shape: [2], data: ['a', 'b'] }] }
    expect((await infer('shout', JSON.stringify(two))).json.error).toMatch(/expected BYTES with one element/)
    expect((await infer('shout', JSON.stringify(good))).status).toBe(400)
  })
})

describe('the binary extension', () => {
  const binary = (size: unknown, more: object = {}) => ({
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: size }, ...more }],
  })
  test.each([
    ['-1', /Unable to parse Inference-Header-Content-Length, got '-1'/],
    ['0x10', /Unable to parse Inference-Header-Content-Length/],
    ['1e3', /Unable to parse Inference-Header-Content-Length/],
    ['', /Unable to parse Inference-Header-Content-Length/],
    ['99999999999999999999', /Unable to parse Inference-Header-Content-Length/],
    ['999999', /which exceeds the body/],
    ['5', /failed to parse the request JSON/],
  ])('a header length of %j', async (length, error) => {
    const answer = await infer('rows', JSON.stringify(good), { 'inference-header-content-length': length })
    expect(answer.status).toBe(400)
    expect(answer.json.error).toMatch(error)
  })

  test.each([
    [
      'bytes that are missing',
      binary(8),
      floats(1),
      /unexpected size for input 'x', expecting 8 bytes .* got 4/,
    ],
    ['bytes that are left over', binary(8), floats(1, 2, 3), /unexpected additional input data: 4 bytes/],
    [
      'a size that is not the shape',
      binary(4),
      floats(1),
      /unexpected total byte size 4 for input 'x', expecting 8/,
    ],
    ['a negative size', binary(-8), floats(1, 2), /must be a whole number >= 0, got -8/],
    ['a size that is text', binary('8'), floats(1, 2), /must be a whole number >= 0/],
    ['data beside binary data', binary(8, { data: [1, 2] }), floats(1, 2), /expected one of them/],
    [
      'a lying BYTES length',
      binary(5, { datatype: 'BYTES', shape: [1] }),
      Buffer.from([255, 0, 0, 0, 1]),
      /incomplete string bytes/,
    ],
    [
      'half a BYTES length',
      binary(2, { datatype: 'BYTES', shape: [1] }),
      Buffer.from([1, 0]),
      /incomplete string length/,
    ],
    [
      'fewer BYTES than the shape',
      binary(4, { datatype: 'BYTES', shape: [2] }),
      Buffer.alloc(4),
      /unexpected number of string elements 1/,
    ],
    ['BF16', binary(4, { datatype: 'BF16' }), Buffer.alloc(4), /data-type is 'BF16'/],
  ])('%s', async (_name, request, data, error) => {
    const { body, headers } = binaryBody(request, data)
    const answer = await infer('rows', body, headers)
    expect(answer.status).toBe(400)
    expect(answer.json.error).toMatch(error)
  })
})
