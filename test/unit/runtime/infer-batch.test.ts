import { expect, test } from 'vitest'
import type { Session } from '../../../src/runtime/handler.ts'
import { inferBatch } from '../../../src/runtime/infer-batch.ts'
import type { Tensor, Tensors } from '../../../src/runtime/tensor.ts'
import { identity, info, openTinyOnnx } from './tiny-onnx.ts'
import type { TinyGraph } from './tiny-onnx.ts'

function rows(...values: number[][]): { x: Tensor } {
  return {
    x: {
      type: 'float32',
      dims: [values.length, values[0]?.length ?? 0],
      data: Float32Array.from(values.flat()),
    },
  }
}

function id(value: bigint): Tensors {
  return { x: { type: 'int64', dims: [1], data: BigInt64Array.of(value) } }
}

/** The real session, with the row counts of its runs on record. */
async function open(graph: TinyGraph): Promise<{ session: Session; runs: number[] }> {
  const inner = await openTinyOnnx(graph)
  const runs: number[] = []
  const run = (inputs: Tensors) => {
    runs.push(Object.values(inputs)[0]?.dims[0] ?? 0)
    return inner.run(inputs)
  }
  return { session: { graph: inner.graph, run }, runs }
}

/** Entries of any number of rows, with a last axis of two. */
const pairs = identity('float32', ['n', 2])

test('entries that fit together run as one and every one gets its own rows', async () => {
  const { session, runs } = await open(pairs)
  const batch = [rows([1, 2]), rows([3, 4], [5, 6]), rows([7, 8])]
  const expected = batch.map(({ x }) => ({ y: x }))
  expect(await inferBatch(session, batch)).toEqual(expected)
  // The first time, one entry also runs alone to see whether company changes its answer.
  expect(runs).toEqual([4, 1])
  expect(await inferBatch(session, batch)).toEqual(expected)
  expect(runs).toEqual([4, 1, 4])
})

test('entries of different row shapes run in groups, answered in order', async () => {
  const { session, runs } = await open(identity('float32', ['n', 'm']))
  const batch = [rows([1]), rows([2, 3]), rows([4]), rows([5, 6])]
  expect(await inferBatch(session, batch)).toEqual(batch.map(({ x }) => ({ y: x })))
  expect(runs.filter(count => count === 2)).toHaveLength(2)
})

test('a graph with a fixed first axis runs entry by entry', async () => {
  const { session, runs } = await open(identity('float32', [1, 2]))
  const batch = [rows([1, 2]), rows([3, 4])]
  expect(await inferBatch(session, batch)).toEqual(batch.map(({ x }) => ({ y: x })))
  expect(runs).toEqual([1, 1])
})

test('an output that does not keep the rows is never split', async () => {
  const { session, runs } = await open({
    ...pairs,
    nodes: [{ op: 'Reshape', inputs: ['x', 'shape'], outputs: ['y'] }],
    outputs: [info('y', 'float32', ['k', 1])],
    constants: { shape: { dims: [2], data: BigInt64Array.of(-1n, 1n) } },
  })
  const batch = [rows([1, 2]), rows([3, 4])]
  const expected = [{ y: rows([1], [2]).x }, { y: rows([3], [4]).x }]
  expect(await inferBatch(session, batch)).toEqual(expected)
  expect(await inferBatch(session, batch)).toEqual(expected)
  expect(runs).toEqual([2, 1, 1, 1, 1])
})

test('a graph that carries state from row to row, as one that leads with time, is never joined', async () => {
  const { session, runs } = await open({
    ...pairs,
    nodes: [{ op: 'CumSum', inputs: ['x', 'axis'], outputs: ['y'] }],
    constants: { axis: { dims: [], data: BigInt64Array.of(0n) } },
  })
  const batch = [rows([1, 2]), rows([3, 4])]
  expect(await inferBatch(session, batch)).toEqual(batch.map(({ x }) => ({ y: x })))
  expect(await inferBatch(session, batch)).toEqual(batch.map(({ x }) => ({ y: x })))
  // Joined, then the last alone to compare, then each alone; from then on each alone.
  expect(runs).toEqual([2, 1, 1, 1, 1, 1])
})

test('equal requests do not hide that a graph mixes its rows', async () => {
  const { session } = await open({
    ...pairs,
    nodes: [
      { op: 'Softmax', inputs: ['x'], outputs: ['s'], attributes: { axis: 0 } },
      { op: 'Sub', inputs: ['x', 's'], outputs: ['y'] },
    ],
  })
  const alone = [await session.run(rows([1, 2])), await session.run(rows([9, 4]))]
  expect(await inferBatch(session, [rows([1, 2]), rows([1, 2])])).toEqual([alone[0], alone[0]])
  expect(await inferBatch(session, [rows([1, 2]), rows([9, 4])])).toEqual(alone)
})

test('entries without rows say nothing about a graph that mixes its rows', async () => {
  const { session } = await open({
    ...pairs,
    nodes: [{ op: 'CumSum', inputs: ['x', 'axis'], outputs: ['y'] }],
    constants: { axis: { dims: [], data: BigInt64Array.of(0n) } },
  })
  const none = { x: { type: 'float32', dims: [0, 2], data: new Float32Array(0) } } as const
  expect(await inferBatch(session, [rows([1, 2]), none])).toEqual([{ y: rows([1, 2]).x }, { y: none.x }])
  const batch = [rows([1, 2]), rows([3, 4])]
  expect(await inferBatch(session, batch)).toEqual(batch.map(({ x }) => ({ y: x })))
})

test('an infinity in an answer does not hide that a graph mixes its rows', async () => {
  const { session } = await open({
    ...pairs,
    nodes: [{ op: 'CumSum', inputs: ['x', 'axis'], outputs: ['y'] }],
    constants: { axis: { dims: [], data: BigInt64Array.of(0n) } },
  })
  const batch = [rows([1, 2]), rows([3, Infinity])]
  expect(await inferBatch(session, batch)).toEqual(batch.map(({ x }) => ({ y: x })))
})

test('one entry that the run refuses fails alone', async () => {
  const { session } = await open({
    nodes: [{ op: 'Gather', inputs: ['table', 'x'], outputs: ['y'] }],
    inputs: [info('x', 'int64', ['n'])],
    outputs: [info('y', 'float32', ['n', 2])],
    constants: { table: { dims: [2, 2], data: Float32Array.of(1, 2, 3, 4) } },
  })
  const [first, second, third] = await inferBatch(session, [id(0n), id(7n), id(1n)])
  expect(first).toEqual({ y: rows([1, 2]).x })
  expect(second).toMatchObject({ name: 'InvalidInput', message: expect.stringContaining('idx=7') })
  expect(third).toEqual({ y: rows([3, 4]).x })
})
