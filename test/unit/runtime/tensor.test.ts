import { expect, test } from 'vitest'
import { elementCount, isTensor, joinRows, rowCount, splitRows } from '../../../src/runtime/tensor.ts'
import { fromHalf, toHalf } from '../../../src/runtime/half.ts'
import type { Tensor } from '../../../src/runtime/tensor.ts'

const a: Tensor = { type: 'float32', dims: [1, 2], data: Float32Array.of(1, 2) }
const b: Tensor = { type: 'float32', dims: [2, 2], data: Float32Array.of(3, 4, 5, 6) }

test('rows of tensors are joined and split again without mixing', () => {
  const joined = joinRows([a, b])
  expect(joined).toEqual({ type: 'float32', dims: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) })
  expect(splitRows(joined, [1, 2])).toEqual([a, b])
})

test('split tensors share the memory of the whole', () => {
  const joined = joinRows([a, b])
  expect(splitRows(joined, [1, 2])[1]?.data).toHaveProperty('buffer', Reflect.get(joined.data, 'buffer'))
})

test('a single tensor is joined by returning it', () => {
  expect(joinRows([a])).toBe(a)
})

test('strings and 64-bit integers are joined and split too', () => {
  const strings: Tensor = { type: 'string', dims: [1, 2], data: ['a', 'b'] }
  expect(splitRows(joinRows([strings, strings]), [1, 1])).toEqual([strings, strings])
  const longs: Tensor = { type: 'int64', dims: [1], data: BigInt64Array.of(2n ** 60n) }
  expect(joinRows([longs, longs]).data).toEqual(BigInt64Array.of(2n ** 60n, 2n ** 60n))
})

test('tensors of another type or row shape are not joined', () => {
  expect(() => joinRows([a, { ...b, dims: [4, 1] }])).toThrow(
    'float32 [4, 1] cannot be joined to float32 [1, 2]',
  )
  expect(() => joinRows([a, { type: 'int32', dims: [1, 2], data: Int32Array.of(1, 2) }])).toThrow(
    'cannot be joined',
  )
})

test('a tensor is not split into more rows than it has', () => {
  expect(() => splitRows(b, [1, 2])).toThrow('cannot be split into 3 rows')
})

test('a scalar has one element and one row', () => {
  expect(elementCount([])).toBe(1)
  expect(rowCount({ type: 'float32', dims: [], data: Float32Array.of(1) })).toBe(1)
})

test('only what is a tensor throughout passes for one', () => {
  expect(isTensor(a)).toBe(true)
  expect(isTensor({ type: 'float32', dims: [3], data: Float32Array.of(1, 2) })).toBe(false)
  expect(isTensor({ type: 'float32', dims: [1], data: [1] })).toBe(false)
  expect(isTensor({ type: 'constructor', dims: [1], data: Float32Array.of(1) })).toBe(false)
})

test('float16 goes both ways, with the rounding of the type', () => {
  expect([...toHalf([1, 0.1, 65_504, 1e6])]).toEqual([0x3c00, 0x2e66, 0x7bff, 0x7c00])
  expect([...fromHalf(Uint16Array.of(0x3c00, 0xc000, 0x7c00))]).toEqual([1, -2, Infinity])
})
