import { describe, expect, test } from 'vitest'
import { Failure } from '../../../../src/errors.ts'
import {
  InferTensorContents,
  ModelInferRequest,
  ModelInferResponse,
} from '../../../../src/grpc/services-open-inference.ts'
import { PredictionsRequest, RegisterModelRequest } from '../../../../src/grpc/services-torchserve.ts'
import { methodOf } from '../../../support/grpc.ts'
import { thrown } from '../../../support/thrown.ts'

const infer = methodOf('inference.GRPCInferenceService/ModelInfer')
const predictions = methodOf('org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions')
const register = methodOf('org.pytorch.serve.grpc.management.ManagementAPIsService/RegisterModel')

const contents = {
  bool_contents: [true, false, true],
  int_contents: [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)],
  int64_contents: ['0', '-1', '9223372036854775807', '-9223372036854775808'],
  uint_contents: [0, 300, 2 ** 32 - 1],
  uint64_contents: ['0', '18446744073709551615'],
  fp32_contents: [0, 1.5, -Infinity, NaN],
  fp64_contents: [0.1, -1e300],
  bytes_contents: [Buffer.from(''), Buffer.from([0, 255])],
}
const parameters = {
  one: { bool_param: true },
  two: { int64_param: '-5' },
  three: { string_param: '' },
  four: { double_param: 0.25 },
  five: { uint64_param: '18446744073709551615' },
}
const request = {
  model_name: 'näme',
  model_version: '1.0',
  id: 'x',
  parameters,
  inputs: [
    { name: 'a', datatype: 'FP32', shape: ['2', '-1', '9007199254740993'], parameters, contents },
    { name: 'b', datatype: 'BYTES', shape: [] },
  ],
  outputs: [{ name: 'o', parameters: {} }],
  raw_input_contents: [Buffer.from('raw'), Buffer.alloc(0)],
}

function endOf(read: () => unknown): string {
  try {
    read()
    return 'a message'
  } catch (error) {
    return error instanceof Failure ? error.code : String(error)
  }
}

describe('what protobuf.js writes', () => {
  test('is read to the last bit', () => {
    const read = ModelInferRequest.decode(infer.requestSerialize(request))
    expect(read).toMatchObject({ model_name: 'näme', model_version: '1.0', id: 'x' })
    expect(read.inputs[0]?.shape).toEqual(new BigInt64Array([2n, -1n, 9_007_199_254_740_993n]))
    expect(read.inputs[0]?.contents).toEqual({
      bool_contents: new Uint8Array([1, 0, 1]),
      int_contents: new Int32Array(contents.int_contents),
      int64_contents: new BigInt64Array(contents.int64_contents.map(BigInt)),
      uint_contents: new Uint32Array(contents.uint_contents),
      uint64_contents: new BigUint64Array(contents.uint64_contents.map(BigInt)),
      fp32_contents: new Float32Array(contents.fp32_contents),
      fp64_contents: new Float64Array(contents.fp64_contents),
      bytes_contents: contents.bytes_contents,
    })
    expect(read.parameters.get('two')).toMatchObject({ int64_param: -5n, bool_param: undefined })
    expect(read.parameters.get('three')).toMatchObject({ string_param: '' })
    expect(read.parameters.get('five')).toMatchObject({ uint64_param: 18_446_744_073_709_551_615n })
    expect(read.inputs[1]?.contents).toBeUndefined()
    expect(read.raw_input_contents).toEqual(request.raw_input_contents)
  })

  test('is written again as the same bytes', () => {
    const bytes = infer.requestSerialize(request)
    const { inputs, ...rest } = ModelInferRequest.decode(bytes)
    const [first, second] = inputs
    const booleans = { ...first?.contents, bool_contents: [true, false, true] }
    const again = ModelInferRequest.encode({
      ...rest,
      inputs: [
        { ...first, contents: booleans },
        { name: second?.name, datatype: second?.datatype },
      ],
    })
    expect(infer.requestDeserialize(again)).toEqual(infer.requestDeserialize(bytes))
    expect(again.length).toBe(bytes.length)
  })

  test('of a management call is read with negative numbers', () => {
    const bytes = register.requestSerialize({ batch_size: -1, url: 'a.mar', synchronous: true })
    expect(RegisterModelRequest.decode(bytes)).toMatchObject({
      batch_size: -1,
      url: 'a.mar',
      synchronous: true,
    })
  })

  test('as an optional empty text is there, and one that was left out is not', () => {
    const given = predictions.requestSerialize({ sequence_id: '' })
    expect(PredictionsRequest.decode(given).sequence_id).toBe('')
    expect(PredictionsRequest.decode(Buffer.alloc(0)).sequence_id).toBeUndefined()
  })
})

test('an answer is read by protobuf.js as it was meant', () => {
  const bytes = ModelInferResponse.encode({
    model_name: 'm',
    outputs: [{ name: 'o', datatype: 'INT64', shape: [2n], contents: { int64_contents: [-1n, 7n] } }],
    raw_output_contents: [Buffer.from('ab')],
  })
  expect(infer.responseDeserialize(bytes)).toMatchObject({
    model_name: 'm',
    outputs: [{ name: 'o', shape: ['2'], contents: { int64_contents: ['-1', '7'] } }],
    raw_output_contents: [Buffer.from('ab')],
  })
})

test('numbers of every length are written as protobuf.js reads them', () => {
  const edges = Array.from({ length: 64 }, (_, bit) => [2n ** BigInt(bit) - 1n, 2n ** BigInt(bit)]).flat()
  const unsigned = [...edges, 2n ** 64n - 1n]
  const signed = unsigned.flatMap(value => [BigInt.asIntN(64, value), BigInt.asIntN(64, -value)])
  const small = signed.map(value => Number(BigInt.asIntN(32, value)))
  const written = {
    int_contents: small,
    int64_contents: signed,
    uint_contents: small.map(value => value >>> 0),
    uint64_contents: unsigned,
  }
  const bytes = ModelInferResponse.encode({ outputs: [{ name: 'o', contents: written }] })
  expect(infer.responseDeserialize(bytes)).toMatchObject({
    outputs: [
      {
        contents: {
          ...written,
          int64_contents: signed.map(String),
          uint64_contents: unsigned.map(String),
        },
      },
    ],
  })
})

describe('bytes that are legal, if rare', () => {
  test('numbers one at a time, and runs of them in several pieces, are one list', () => {
    const pieces = Buffer.from([0x10, 1, 0x12, 2, 2, 3, 0x10, 4, 0x12, 0])
    expect(InferTensorContents.decode(pieces).int_contents).toEqual(new Int32Array([1, 2, 3, 4]))
  })

  test('a message in two pieces is one message', () => {
    // Two times field 5 of the one input: its fp32_contents and its bool_contents.
    const inner = Buffer.from([0x2a, 3, 0x0a, 1, 1, 0x2a, 6, 0x32, 4, 0, 0, 0x80, 0x3f])
    const bytes = Buffer.concat([Buffer.from([0x2a, inner.length]), inner])
    expect(ModelInferRequest.decode(bytes).inputs[0]?.contents).toMatchObject({
      bool_contents: new Uint8Array([1]),
      fp32_contents: new Float32Array([1]),
    })
  })

  test('fields that nobody knows are skipped, whatever their kind', () => {
    const unknown = [0xf8, 7, 1, 0xf9, 7, 1, 2, 3, 4, 5, 6, 7, 8, 0xfa, 7, 2, 1, 2, 0xfd, 7, 1, 2, 3, 4]
    expect(PredictionsRequest.decode(Buffer.from([...unknown, 0x0a, 1, 0x61])).model_name).toBe('a')
  })

  test('of one oneof the last counts', () => {
    // parameters: key "k", bool_param true, then string_param "s".
    const entry = [0x0a, 1, 0x6b, 0x12, 5, 0x08, 1, 0x1a, 1, 0x73]
    const { parameters: read } = ModelInferRequest.decode(Buffer.from([0x22, entry.length, ...entry]))
    expect(read.get('k')).toMatchObject({ bool_param: undefined, string_param: 's' })
  })
})

describe('bytes that are no message', () => {
  test.each([
    ['a tag without a value', [0x0a]],
    ['a length beyond the end', [0x0a, 5, 0x61]],
    ['a length of 64 bits', [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]],
    ['a number without an end', [0x08, ...Array.from({ length: 11 }, () => 0xff)]],
    ['field number 0', [0x02, 0]],
    ['a group', [0x0b]],
    ['a text that is not UTF-8', [0x0a, 1, 0xff]],
    ['a text where a number is expected', [0x0d, 1, 2, 3, 4]],
    ['an inner message longer than the outer', [0x2a, 2, 0x0a, 9, 0x61, 0x61]],
    ['a run of floats that ends inside of one', [0x2a, 6, 0x2a, 4, 0x32, 2, 0, 0]],
    ['a run of numbers that ends inside of one', [0x2a, 6, 0x2a, 4, 0x12, 2, 0xff, 0xff]],
  ])('%s are refused', async (_what, bytes) => {
    const failed = await thrown(() => ModelInferRequest.decode(Buffer.from(bytes)))
    expect(failed.code).toBe('BAD_REQUEST')
    expect(failed.message).toMatch(/^The protobuf message is malformed: /)
  })

  test('more objects than any request has are refused before they fill the memory', async () => {
    const empty = Buffer.alloc(200_000, Buffer.from([0x2a, 0]))
    expect((await thrown(() => ModelInferRequest.decode(empty))).message).toContain('more than 65536')
    const strings = Buffer.alloc(600_000, Buffer.from([0x3a, 0]))
    expect((await thrown(() => ModelInferRequest.decode(strings))).message).toContain('more than 250000')
  })

  test('whatever they are, end in a message or in a refusal', () => {
    const whole = infer.requestSerialize(request)
    let seed = 1
    const random = () => (seed = (seed * 48_271) % 2_147_483_647)
    const ends: string[] = []
    for (let round = 0; round < 3000; round++) {
      const bytes = Buffer.from(whole.subarray(0, (random() % whole.length) + 1))
      for (let change = random() % 4; change > 0; change--) bytes[random() % bytes.length] = random() % 256
      ends.push(endOf(() => ModelInferRequest.decode(bytes)))
    }
    expect([...new Set(ends)].toSorted()).toEqual(['BAD_REQUEST', 'a message'])
  })

  test('names of JavaScript in a map are only keys', () => {
    const bytes = predictions.requestSerialize({
      input: Object.fromEntries([['__proto__', Buffer.from('x')]]),
    })
    const name = Buffer.from([0x1a, 14, 0x0a, 9, ...Buffer.from('__proto__'), 0x12, 1, 0x78])
    expect(PredictionsRequest.decode(name).input.get('__proto__')).toEqual(Buffer.from('x'))
    expect(PredictionsRequest.decode(bytes).input).toBeInstanceOf(Map)
  })
})
