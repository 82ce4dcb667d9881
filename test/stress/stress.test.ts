/** The long runs in short: see run.ts for a minute and for hundreds of rounds. */
import { expect, test } from 'vitest'
import { churn } from './churn.ts'
import { slope } from './memory.ts'

test('models come and go at random under traffic: nothing fails, and nothing is left', async () => {
  const report = await churn({ ms: 8000, seed: 7 })
  const { failures, predictions, end, expected, after, errorLines } = report
  expect(failures).toEqual([])
  expect(errorLines).toEqual([])
  expect(predictions['200'] ?? 0).toBeGreaterThan(50)
  expect(end).toEqual(expected)
  expect(report.modelsByAnswers).toBe(end.models)
  expect(after).toEqual({ workers: 0, unpacked: 0, exitCode: 0 })
})

test('the slope of a line is found under noise', () => {
  expect(slope([1, 3, 5, 7])).toBe(2)
  expect(slope([5, 5, 5, 5])).toBe(0)
})
