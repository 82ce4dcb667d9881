import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkGraph } from '../../../src/conversion/self-check.ts'
import { plansFor } from '../../../src/runtime/trial.ts'
import type { ImportResult, OutputShape } from '../../../src/importer/import.ts'
import { thrown } from '../../support/thrown.ts'
import { info, writeTinyOnnx, type TinyGraph } from '../runtime/tiny-onnx.ts'

type Imported = Pick<ImportResult, 'report' | 'originOf' | 'outputShapes'>

/** What the importer would say of a graph from `x` to `y`. */
function saying(
  graph: TinyGraph,
  shape: (symbols: ReadonlyMap<string, number>) => OutputShape['shape'],
): Imported {
  const port = (one: TinyGraph['inputs'][number]) => ({
    name: one.name,
    dtype: one.type,
    shape: one.shape.map(String),
  })
  const report = {
    nodes: 1,
    opset: 17,
    inputs: graph.inputs.map(port),
    outputs: graph.outputs.map(port),
    parameters: 0,
    parameterBytes: 0,
    warnings: [],
    guessed: [],
  }
  return {
    report,
    originOf: name => (name === 'y' ? 'model.py:7: aten::relu' : undefined),
    outputShapes: symbols => [{ name: 'y', shape: shape(symbols) }],
  }
}

const relu: TinyGraph = {
  nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
  inputs: [info('x', 'float32', ['batch', 4])],
  outputs: [info('y', 'float32', ['batch', 4])],
}

const check = (graph: TinyGraph, imported: Imported) => checkGraph(writeTinyOnnx(graph), imported, 0)

test('a graph that keeps its promises passes without a warning', async () => {
  expect(
    await check(
      relu,
      saying(relu, symbols => [symbols.get('batch'), 4]),
    ),
  ).toEqual([])
})

test('an output of another shape than promised is refused with its place and a way out', async () => {
  const failure = await thrown(() =>
    check(
      relu,
      saying(relu, () => [2, 4]),
    ),
  )
  expect(failure.code).toBe('IMPORT_REFUSED')
  expect(failure.message).toContain(
    'model.py:7: aten::relu: its output y should have the shape [2, 4] and has [3, 4] with batch=3',
  )
  expect(failure.message).toContain('--input "x=float32[1,4]"')
})

test('a graph that runs with one size only is refused, and the symbol is named', async () => {
  const graph: TinyGraph = {
    ...relu,
    nodes: [{ op: 'Reshape', inputs: ['x', 'shape'], outputs: ['y'] }],
    constants: { shape: { dims: [2], data: new BigInt64Array([2n, 4n]) } },
  }
  const failure = await thrown(() =>
    check(
      graph,
      saying(graph, () => undefined),
    ),
  )
  expect(failure.message).toContain('it does not run with batch=3, though it runs with other sizes')
})

test('an output that mixes the rows of a batch is a warning', async () => {
  const graph: TinyGraph = {
    ...relu,
    nodes: [{ op: 'Softmax', inputs: ['x'], outputs: ['y'], attributes: { axis: 0 } }],
  }
  const warnings = await check(
    graph,
    saying(graph, symbols => [symbols.get('batch'), 4]),
  )
  expect(warnings).toEqual([expect.stringContaining('depends on the other rows of batch')])
})

test('numbers that are not finite are a warning', async () => {
  const graph: TinyGraph = { ...relu, nodes: [{ op: 'Log', inputs: ['x'], outputs: ['y'] }] }
  const warnings = await check(
    graph,
    saying(graph, () => undefined),
  )
  expect(warnings).toEqual([expect.stringContaining('the output y is not finite')])
})

test('a file that ONNX Runtime does not take is refused without its path', async () => {
  const failure = await thrown(() =>
    checkGraph(
      join('/nowhere', 'model.onnx'),
      saying(relu, () => []),
      0,
    ),
  )
  expect(failure.code).toBe('IMPORT_REFUSED')
  expect(failure.message).not.toContain('/nowhere/')
})

test('each symbol is varied alone; images begin where pooling leaves something of them', () => {
  const [first] = plansFor([{ shape: ['batch', 3, 'height', 'width'] }])
  expect(first?.sizes).toEqual(
    new Map([
      ['batch', 2],
      ['height', 64],
      ['width', 64],
    ]),
  )
  expect(first?.variations.map(({ symbol, sizes }) => [symbol, sizes.get(symbol)])).toEqual([
    ['batch', 3],
    ['batch', 1],
    ['height', 96],
    ['width', 96],
  ])
  expect(plansFor([{ shape: ['batch', 12] }])).toHaveLength(1)
  expect(plansFor([{ shape: ['n', 'length'] }])[0]?.sizes.get('length')).toBe(5)
})
