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
  expect([pace.itemMs, pace.batchMs]).toEqual([undefined, undefined])
  pace.ran(4, 40)
  expect([pace.itemMs, pace.batchMs]).toEqual([10, 40])
  pace.ran(1, 1000)
  expect(pace.itemMs).toBeCloseTo(59.5)
  for (let run = 0; run < 100; run++) pace.ran(4, 40)
  expect(pace.itemMs).toBeCloseTo(10, 0)
})
