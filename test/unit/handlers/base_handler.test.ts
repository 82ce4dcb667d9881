import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import handler from '../../../handlers/base_handler.ts'
import { toJson } from '../../../src/runtime/json.ts'
import { info, openTinyOnnx } from '../runtime/tiny-onnx.ts'
import { FIXTURES, json, makeContext, openFixture, predict, request } from './context.ts'

const fraud = makeContext({ session: await openFixture('fraud/fraud.onnx') })

/** The 12 features of each row, and PyTorch's answer. */
const table = readFileSync(join(FIXTURES, 'fraud/test_rows.csv'), 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map(line => line.split(',').map(Number))
  .map(cells => ({ features: cells.slice(0, 12), expected: cells[13] ?? Number.NaN }))

test('every row of the fraud table gets the answer that PyTorch gave', async () => {
  const [answer] = await predict(handler, fraud, json(table.map(row => row.features)))
  const probabilities = JSON.parse(toJson(answer)) as number[]
  expect(probabilities).toHaveLength(table.length)
  for (const [index, { expected }] of table.entries()) expect(probabilities[index]).toBeCloseTo(expected, 4)
})

test('requests of one row in a batch get their own answers', async () => {
  const rows = table.slice(0, 9)
  const answers = await predict(handler, fraud, ...rows.map(row => json(row.features)))
  for (const [index, { expected }] of rows.entries()) {
    expect(Number(toJson(answers[index]))).toBeCloseTo(expected, 4)
  }
})

test('a list of rows is answered with a list, a single row with its value', async () => {
  const features = table[0]?.features
  const [rows, row, named] = await predict(
    handler,
    fraud,
    json([features]),
    json(features),
    json({ features }),
  )
  expect(JSON.parse(toJson(rows))).toEqual([expect.any(Number)])
  expect(JSON.parse(toJson(row))).toEqual(expect.any(Number))
  expect(toJson(named)).toBe(toJson(row))
})

test('several outputs are answered by name', async () => {
  const session = await openTinyOnnx({
    nodes: [
      { op: 'Add', inputs: ['a', 'b'], outputs: ['sum'] },
      { op: 'Less', inputs: ['a', 'b'], outputs: ['less'] },
    ],
    inputs: [info('a', 'float32', ['n', 2]), info('b', 'float32', ['n', 2])],
    outputs: [info('sum', 'float32', ['n', 2]), info('less', 'bool', ['n', 2])],
  })
  const [answer] = await predict(handler, makeContext({ session }), json({ a: [1, 5], b: [2, 2] }))
  expect(JSON.parse(toJson(answer))).toEqual({ sum: [3, 7], less: [true, false] })
})

test.each([
  ['wrong JSON', request('[1, 2', 'application/json'), 'The body is not JSON'],
  ['an empty body', request(''), 'The body is empty'],
  ['a number', json(7), 'expected float32 [batch, 12] or one row of it, [12], got 7'],
  ['too few features', json([1, 2]), 'Input "features": expected float32 [batch, 12], got float32 [1, 2]'],
  ['a number too many', json([Array.from({ length: 13 }, () => 0)]), 'got float32 [1, 13]'],
  ['text', json('hello'), 'The body is not JSON'],
  [
    'another name',
    json({ feature: [1] }),
    'Unknown input "feature": the model takes "features" (float32 [batch, 12])',
  ],
])('%s is refused with what was expected and what came', async (_, input, message) => {
  await expect(predict(handler, fraud, input)).rejects.toMatchObject({
    name: 'InvalidInput',
    message: expect.stringContaining(message),
  })
})
