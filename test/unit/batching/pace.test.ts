import { expect, test } from 'vitest'
import { expectedWaitMs, Pace } from '../../../src/batching/pace.ts'

test.each([
  [{ ahead: 0, workers: 1, itemMs: 10 }, 0],
  [{ ahead: 6, workers: 1, itemMs: 10 }, 60],
  [{ ahead: 6, workers: 3, itemMs: 10 }, 20],
  [{ ahead: 6, workers: 0, itemMs: 10 }, 0],
  [{ ahead: 6, workers: 1, itemMs: undefined }, 0],
])('with %j the expected wait is %d ms', (facts, ms) => {
  expect(expectedWaitMs(facts)).toBe(ms)
})

test('the pace begins with the first batch and follows the later ones slowly', () => {
  const pace = new Pace()
  expect([pace.itemMs(4), pace.batchMs]).toEqual([undefined, undefined])
  pace.ran(4, 40)
  expect([pace.itemMs(4), pace.batchMs]).toEqual([10, 40])
  pace.ran(4, 4000)
  expect(pace.itemMs(4)).toBeCloseTo(59.5)
  for (let run = 0; run < 100; run++) pace.ran(4, 40)
  expect(pace.itemMs(4)).toBeCloseTo(10, 0)
})

test('what an item takes alone says nothing of large batches, where there were such', () => {
  const pace = new Pace()
  pace.ran(32, 32)
  for (let run = 0; run < 100; run++) pace.ran(1, 20)
  expect([1, 4, 16, 32, 50].map(size => pace.itemMs(size))).toEqual([20, 8, 2, 1, 1])
})

test('of a size that there was not yet, the others tell', () => {
  const pace = new Pace()
  pace.ran(4, 8)
  expect([1, 4, 7, 64].map(size => pace.itemMs(size))).toEqual([2, 2, 2, 2])
})
