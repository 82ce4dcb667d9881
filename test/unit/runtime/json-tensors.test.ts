import { describe, expect, test } from 'vitest'
import { InvalidInput } from '../../../src/runtime/handler.ts'
import type { Input, InputValue, JsonValue } from '../../../src/runtime/handler.ts'
import { jsonOf, tensorsFromJson, tensorsToJson } from '../../../src/runtime/json-tensors.ts'
import type { GraphInfo, Tensor, TensorType } from '../../../src/runtime/tensor.ts'
import { info } from './tiny-onnx.ts'

const one: GraphInfo = { inputs: [info('x', 'float32', ['batch', 2])], outputs: [] }
const two: GraphInfo = {
  inputs: [info('ids', 'int64', ['batch', 'seq']), info('length', 'int32', ['batch'])],
  outputs: [],
}
const typed = (type: TensorType): GraphInfo => ({ inputs: [info('x', type, ['n'])], outputs: [] })

test('a list as deep as the input is rows, one level less is one row', () => {
  const rows: Tensor = { type: 'float32', dims: [2, 2], data: Float32Array.of(1, 2, 3, 4.5) }
  expect(
    tensorsFromJson(
      [
        [1, 2],
        [3, 4.5],
      ],
      one,
    ),
  ).toEqual({ tensors: { x: rows }, single: false })
  const row: Tensor = { type: 'float32', dims: [1, 2], data: Float32Array.of(1, 2) }
  expect(tensorsFromJson([1, 2], one)).toEqual({ tensors: { x: row }, single: true })
  expect(tensorsFromJson({ x: [1, 2] }, one)).toEqual({ tensors: { x: row }, single: true })
})

test('several inputs come by name, each as rows or as one row', () => {
  const tensors = {
    ids: { type: 'int64', dims: [1, 2], data: BigInt64Array.of(5n, 6n) },
    length: { type: 'int32', dims: [1], data: Int32Array.of(2) },
  }
  expect(tensorsFromJson({ ids: [[5, 6]], length: [2] }, two)).toEqual({ tensors, single: false })
  expect(tensorsFromJson({ length: 2, ids: [5, 6] }, two)).toEqual({ tensors, single: true })
})

test('a graph that declares no axes takes lists as deep as they are', () => {
  const { tensors, single } = tensorsFromJson([[[1]]], { inputs: [info('x', 'float32', [])], outputs: [] })
  expect(tensors['x']?.dims).toEqual([1, 1, 1])
  expect(single).toBe(false)
  const deep = JSON.parse('['.repeat(100) + ']'.repeat(100)) as JsonValue
  expect(() => tensorsFromJson(deep, { inputs: [info('x', 'float32', [])], outputs: [] })).toThrow(
    'expected float32 of at most 16 axes',
  )
  expect(tensorsFromJson(3, { inputs: [info('x', 'float32', [])], outputs: [] }).tensors['x']?.dims).toEqual(
    [],
  )
})

test.each<[TensorType, JsonValue, Tensor['data']]>([
  ['bool', [true, false], Uint8Array.of(1, 0)],
  ['string', ['a', ''], ['a', '']],
  ['int64', [1, '9223372036854775807', '-5'], BigInt64Array.of(1n, 2n ** 63n - 1n, -5n)],
  ['uint64', ['18446744073709551615'], BigUint64Array.of(2n ** 64n - 1n)],
  ['float16', [1, 2], Uint16Array.of(0x3c00, 0x4000)],
  ['uint8', [0, 255], Uint8Array.of(0, 255)],
])('%s elements are read exactly', (type, value, data) => {
  expect(tensorsFromJson(value, typed(type)).tensors['x']?.data).toEqual(data)
})

describe('JSON that is not what the graph takes is refused', () => {
  test.each<[string, JsonValue, GraphInfo]>([
    ['got lists of unequal size: 1 elements at [1] instead of a list of 2', [[1, 2], [3]], one],
    ['got lists of unequal size: 5 at [1] instead of a list of 2', [[1, 2], 5], one],
    ['each element a number in its range, got a list of shape [1] at [1]', [1, [2]], one],
    ['expected float32 [batch, 2] or one row of it, [2], got a list of shape [1, 1, 1]', [[[1]]], one],
    ['expected float32 [batch, 2] or one row of it, [2], got 7', 7, one],
    ['got an empty list', [], one],
    ['each element a number in its range, got the string "1" at [0]', ['1', 2], one],
    ['got null at [0][1]', [[1, null]], one],
    ['got true at [1]', [1, true], one],
    ['each element a number in its range, got 1e+39 at [1]', [1, 1e39], one],
    [
      'Input "x": expected float16 [n], each element a number in its range, got 65520 at [0]',
      [65_520],
      typed('float16'),
    ],
    ['each element an integer in its range, got 256 at [0]', [256], typed('uint8')],
    ['each element an integer in its range, got -1 at [0]', [-1], typed('uint32')],
    ['got 1.5 at [0]', [1.5], typed('int32')],
    ['(beyond 2^53 as a string of digits), got 9007199254740992 at [0]', [2 ** 53], typed('int64')],
    ['got the string "9223372036854775808" at [0]', ['9223372036854775808'], typed('int64')],
    ['got the string "0x10" at [0]', ['0x10'], typed('int64')],
    ['each element true or false, got 1 at [0]', [1], typed('bool')],
    ['each element a string, got 1 at [0]', [1], typed('string')],
    ['Unknown input "y": the model takes "x" (float32 [batch, 2])', { y: [1, 2] }, one],
    ['Unknown input "__proto__"', JSON.parse('{"__proto__": [1]}') as JsonValue, one],
    ['Input "length" is missing: expected int32 [batch], got "ids"', { ids: [[1]] }, two],
    ['Expected an object by input name, got a list of shape [1]: the model takes "ids"', [1], two],
  ])('%s', (message, value, graph) => {
    expect(() => tensorsFromJson(value, graph)).toThrow(InvalidInput)
    expect(() => tensorsFromJson(value, graph)).toThrow(message)
  })

  test('first lists that promise more elements than there are cost no memory', () => {
    const wide = Array.from({ length: 100_000 }, () => 1)
    const lists: JsonValue[] = [wide, ...Array.from({ length: 100_000 }, () => [])]
    expect(() => tensorsFromJson(lists, one)).toThrow('0 elements at [1] instead of a list of 100000')
  })

  test('lists nested a hundred thousand levels deep do not exhaust the stack', () => {
    const deep = JSON.parse('['.repeat(1e5) + ']'.repeat(1e5)) as JsonValue
    expect(() => tensorsFromJson(deep, one)).toThrow('got a list of shape [1, 1, 1, 1, 1, 1, 1, 1]')
  })
})

test('one output is its lists, several go by name, and one row stays one row', () => {
  const y: Tensor = { type: 'float32', dims: [1, 2], data: Float32Array.of(1, 2) }
  expect(tensorsToJson({ y }, false)).toEqual(y)
  expect(tensorsToJson({ y }, true)).toEqual({ ...y, dims: [2] })
  expect(tensorsToJson({ y, z: y }, true)).toEqual(
    new Map([
      ['y', { ...y, dims: [2] }],
      ['z', { ...y, dims: [2] }],
    ]),
  )
})

function input(fields: Record<string, InputValue>): Input {
  const parameters = new Map(Object.entries(fields))
  return { requestId: 'r', headers: {}, parameters, data: fields['data'] ?? fields['body'] }
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

describe('the JSON of a request', () => {
  test.each<[string, Record<string, InputValue>, JsonValue]>([
    ['parsed already', { body: [1, 2] }, [1, 2]],
    ['bytes of no known type', { body: bytes('[1, 2]') }, [1, 2]],
    ['text', { data: '{"x": 1}' }, { x: 1 }],
    ['fields named like inputs', { x: bytes('[1, 2]') }, { x: [1, 2] }],
  ])('is taken from %s', (_, fields, value) => {
    expect(jsonOf(input(fields), one)).toEqual(value)
  })

  test.each<[string, Record<string, InputValue>]>([
    ['The body is empty. Send JSON as the body with Content-Type: application/json', { body: bytes('') }],
    ['The body is not JSON: Unexpected', { body: bytes('hello') }],
    ['The body is not JSON: it is not UTF-8 text', { body: Uint8Array.of(0xff) }],
    ['The field "x" is not JSON', { x: bytes('a') }],
    ['got the fields "a", "b"', { a: bytes('1'), b: bytes('2') }],
    ['got the fields nothing', {}],
  ])('is refused: %s', (message, fields) => {
    expect(() => jsonOf(input(fields), one)).toThrow(InvalidInput)
    expect(() => jsonOf(input(fields), one)).toThrow(message)
  })
})
