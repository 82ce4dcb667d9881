import { expect, test } from 'vitest'
import { backoff } from '../../../src/pool/backoff.ts'

const never = { sinceMs: 0, giveUpMs: Infinity }

test('a worker that had served is replaced at once, then in TorchServe’s growing pauses', () => {
  const pauses = Array.from({ length: 19 }, (_, index) =>
    backoff({ failures: index + 1, hadLoaded: true, ...never }),
  )
  const seconds = [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 1597]
  expect(pauses).toEqual(seconds.map(s => s * 1000))
})

test('a worker that never loaded pauses from the first failure on', () => {
  const pauses = [1, 2, 3, 4, 5].map(failures => backoff({ failures, hadLoaded: false, ...never }))
  expect(pauses).toEqual([1000, 1000, 2000, 3000, 5000])
})

test.each([
  ['the pause still fits', { failures: 4, sinceMs: 6000, giveUpMs: 9000 }, 3000],
  ['the pause would end too late', { failures: 4, sinceMs: 6001, giveUpMs: 9000 }, undefined],
  ['the time is over', { failures: 1, sinceMs: 300_001, giveUpMs: 300_000 }, undefined],
  ['no time was given', { failures: 1, sinceMs: 0, giveUpMs: 0 }, undefined],
])('it is given up or not: %s', (_case, facts, pauseMs) => {
  expect(backoff({ hadLoaded: false, ...facts })).toBe(pauseMs)
})

test('a worker that served and may never be down is still replaced once, at once', () => {
  expect(backoff({ failures: 1, hadLoaded: true, sinceMs: 0, giveUpMs: 0 })).toBe(0)
})
