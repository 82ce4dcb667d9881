/** The long runs in short: see run.ts for a minute and for hundreds of rounds. */
import { expect, test } from 'vitest'
import { churn } from './churn.ts'
import { slope } from './memory.ts'
import { soak } from './soak.ts'

test('models come and go at random under traffic: nothing fails, and nothing is left', async () => {
  const report = await churn({ ms: 8000, seed: 7 })
  const { failures, predictions, end, expected, after, errorLines } = report
  expect(failures).toEqual([])
  expect(errorLines).toEqual([])
  expect(predictions['200'] ?? 0).toBeGreaterThan(10)
  expect(end).toEqual(expected)
  expect(report.modelsByAnswers).toBe(end.models)
  expect(after).toEqual({ workers: 0, unpacked: 0, exitCode: 0 })
})

test('mixed traffic is answered as it should be, and what the server holds is measured', async () => {
  const { samples, answers, failures } = await soak({ ms: 4000, sampleMs: 100 })
  expect(failures).toEqual([])
  expect(answers['POST /predictions/stays 200']).toBeGreaterThan(10)
  expect(answers['POST /predictions/stays 413']).toBeGreaterThan(0)
  for (const { rssKb, heapKb, openFiles } of samples) {
    expect(rssKb).toBeGreaterThan(heapKb)
    expect(openFiles).toBeGreaterThan(10)
  }
})

test('the slope of a line is found under noise', () => {
  expect(slope([1, 3, 5, 7])).toBe(2)
  expect(slope([5, 5, 5, 5])).toBe(0)
})
