import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { InvalidInput } from '../../../src/runtime/handler.ts'
import { openSession } from '../../../src/runtime/session.ts'
import type { Tensor, TensorType } from '../../../src/runtime/tensor.ts'
import { identity, info, openTinyOnnx } from './tiny-onnx.ts'

const DIGITS = join(import.meta.dirname, '../../fixtures/digits/digits.onnx')

function float32(...dims: number[]): Tensor {
  return { type: 'float32', dims, data: new Float32Array(dims.reduce((product, dim) => product * dim, 1)) }
}

test('a session says what its graph takes and gives', async () => {
  const session = await openSession(DIGITS, { threads: 1 })
  expect(session.graph).toEqual({
    inputs: [info('image', 'float32', ['batch', 1, 8, 8])],
    outputs: [info('logits', 'float32', ['batch', 10])],
  })
  expect((await session.run({ image: float32(2, 1, 8, 8) }))['logits']?.dims).toEqual([2, 10])
  await session.close()
})

describe('inputs that the graph does not take are refused before the run', async () => {
  const session = await openSession(DIGITS, { threads: 1 })
  test.each<[string, Record<string, Tensor>]>([
    [
      'Input "image": expected float32 [batch, 1, 8, 8], got float32 [1, 3, 8, 8]',
      { image: float32(1, 3, 8, 8) },
    ],
    ['Input "image": expected float32 [batch, 1, 8, 8], got float32 [64]', { image: float32(64) }],
    [
      'Input "image": expected float32 [batch, 1, 8, 8], got uint8 [1, 1, 8, 8]',
      { image: { type: 'uint8', dims: [1, 1, 8, 8], data: new Uint8Array(64) } },
    ],
    ['Input "image" is missing: expected float32 [batch, 1, 8, 8], got "img"', { img: float32(1, 1, 8, 8) }],
    ['Input "image" is missing: expected float32 [batch, 1, 8, 8], got nothing', {}],
    ['Unknown input "more": the model takes "image"', { image: float32(1, 1, 8, 8), more: float32(1) }],
  ])('%s', async (message, inputs) => {
    await expect(session.run(inputs)).rejects.toThrow(new InvalidInput(message))
  })

  test("a tensor that contradicts itself is the handler's fault", async () => {
    const broken: Tensor = { type: 'float32', dims: [1, 1, 8, 8], data: new Float32Array(3) }
    await expect(session.run({ image: broken })).rejects.toThrow(TypeError)
  })
})

test('axes that share a symbolic name must agree', async () => {
  const session = await openTinyOnnx({
    nodes: [{ op: 'Add', inputs: ['a', 'b'], outputs: ['y'] }],
    inputs: [info('a', 'float32', ['batch', 2]), info('b', 'float32', ['batch', 2])],
    outputs: [info('y', 'float32', ['batch', 2])],
  })
  await expect(session.run({ a: float32(3, 2), b: float32(1, 2) })).rejects.toThrow(
    'Input "b": expected float32 [batch, 2] with batch = 3 as in input "a", got float32 [1, 2]',
  )
})

test.each<[TensorType, Tensor['data']]>([
  ['float16', Uint16Array.of(0x3c00, 0x4000)],
  ['float64', Float64Array.of(1, 2)],
  ['int64', BigInt64Array.of(-1n, 2n ** 62n)],
  ['uint64', BigUint64Array.of(1n, 2n ** 63n)],
  ['int32', Int32Array.of(-1, 2)],
  ['uint8', Uint8Array.of(0, 255)],
  ['bool', Uint8Array.of(1, 0)],
  ['string', ['a', 'ü']],
])('%s goes in and comes out unchanged', async (type, data) => {
  const session = await openTinyOnnx(identity(type, ['n', 2]))
  const tensor: Tensor = { type, dims: [1, 2], data }
  expect(await session.run({ x: tensor })).toEqual({ y: tensor })
})

test('a rank that only ONNX Runtime knows to be wrong is the fault of the input', async () => {
  const session = await openTinyOnnx({
    nodes: [{ op: 'Gather', inputs: ['table', 'ids'], outputs: ['y'] }],
    inputs: [info('ids', 'int64', ['n'])],
    outputs: [info('y', 'float32', ['n', 2])],
    constants: { table: { dims: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) } },
  })
  const ids: Tensor = { type: 'int64', dims: [1], data: BigInt64Array.of(9n) }
  await expect(session.run({ ids })).rejects.toThrow(
    new InvalidInput(
      'The model refuses the input: indices element out of data bounds, idx=9 must be within the inclusive range [-3,2]',
    ),
  )
})

test.each([
  ['not protobuf', Buffer.from('hello')],
  ['cut off', readFileSync(DIGITS).subarray(0, 100_000)],
  ['empty', Buffer.alloc(0)],
])('a model file that is %s is refused without showing where it lies', async (_, content) => {
  const dir = mkdtempSync(join(tmpdir(), 'refused-'))
  const file = join(dir, 'model.onnx')
  writeFileSync(file, content)
  const error: unknown = await openSession(file, { threads: 1 }).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    code: 'INVALID_MODEL',
    message: expect.stringMatching(/^ONNX Runtime refuses model\.onnx: \S/),
  })
  expect(String(error)).not.toContain(dir)
})
