import { expect, test } from 'vitest'
import { toJson, UnsupportedOutput } from '../../../src/runtime/json.ts'
import { showTensor } from '../../../src/runtime/tensor.ts'
import type { Tensor } from '../../../src/runtime/tensor.ts'

const indented = (value: unknown) => JSON.stringify(value, null, 2)

test.each([
  [{ a: 1, b: [1, 2, { c: null }], d: {}, e: [], f: [[]], g: true, h: 'x"\n\u0001' }],
  [[1.5, -2, 1e21, 1e-7]],
  ['text'],
  [7],
  [null],
])('plain JSON is laid out with two spaces, as Python does: %j', value => {
  expect(toJson(value)).toBe(indented(value))
})

test('a Map keeps its order where its keys look like integers', () => {
  expect(
    toJson(
      new Map([
        ['9', 0.5],
        ['1', 0.25],
      ]),
    ),
  ).toBe('{\n  "9": 0.5,\n  "1": 0.25\n}')
})

test('NaN and infinities are written as Python writes them', () => {
  expect(toJson([NaN, Infinity, -Infinity])).toBe('[\n  NaN,\n  Infinity,\n  -Infinity\n]')
  expect(toJson({ a: NaN })).toBe('{\n  "a": NaN\n}')
})

test('everything beyond ASCII is escaped', () => {
  expect(toJson({ é: '日\u007f😀' })).toBe('{\n  "\\u00e9": "\\u65e5\\u007f\\ud83d\\ude00"\n}')
})

test('undefined members are left out and undefined elements are null', () => {
  expect(toJson({ a: undefined, b: [undefined, 1] })).toBe('{\n  "b": [\n    null,\n    1\n  ]\n}')
})

test('typed arrays and bigints are numbers', () => {
  expect(toJson({ a: Float32Array.of(0.5), b: 2n ** 60n })).toBe(
    indented({ a: [0.5], b: 0 }).replace('"b": 0', '"b": 1152921504606846976'),
  )
  expect(toJson(BigInt64Array.of(1n))).toBe('[\n  1\n]')
  expect(toJson(Float32Array.of(0.1))).toBe('[\n  0.10000000149011612\n]')
})

const tensors: [Tensor, unknown][] = [
  [{ type: 'float32', dims: [2, 1, 2], data: Float32Array.of(1, 2, 3, 4) }, [[[1, 2]], [[3, 4]]]],
  [{ type: 'float32', dims: [], data: Float32Array.of(5) }, 5],
  [{ type: 'float32', dims: [2, 0], data: new Float32Array(0) }, [[], []]],
  [{ type: 'float32', dims: [0, 2], data: new Float32Array(0) }, []],
  [{ type: 'bool', dims: [2], data: Uint8Array.of(1, 0) }, [true, false]],
  [{ type: 'string', dims: [1, 2], data: ['a"', 'b'] }, [['a"', 'b']]],
  [{ type: 'float16', dims: [2], data: Uint16Array.of(0x3c00, 0x3800) }, [1, 0.5]],
  [{ type: 'int64', dims: [1], data: BigInt64Array.of(7n) }, [7]],
]

test.each(tensors.map(([tensor, lists]) => ({ shown: showTensor(tensor), tensor, lists })))(
  '$shown is written as nested lists',
  ({ tensor, lists }) => {
    expect(toJson(tensor)).toBe(indented(lists))
    expect(toJson({ t: tensor })).toBe(indented({ t: lists }))
  },
)

const circle: unknown[] = []
circle.push(circle)
let deep: unknown = 1
for (let level = 0; level < 100_000; level++) deep = { deep }

test.each([
  ['undefined', undefined],
  ['function', { f: () => 1 }],
  ['symbol', [Symbol('s')]],
  ['Promise', { p: Promise.resolve(1) }],
  ['Set', new Set([1])],
  ['contains itself', circle],
  ['deeper than 200 levels', deep],
  ['Map', new Map([[{}, 1]])],
])('what JSON cannot say is refused by name: %s', (what, value) => {
  expect(() => toJson(value)).toThrow(UnsupportedOutput)
  expect(() => toJson(value)).toThrow(what)
})
