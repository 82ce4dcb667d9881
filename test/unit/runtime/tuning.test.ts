import { describe, expect, test } from 'vitest'
import { choosePayingSize, mayPay, shareThreads } from '../../../src/runtime/tuning.ts'

/** Times of 1, 2, 4 ... rows from the milliseconds of a row. */
const rows = (...perRow: number[]) => perRow.map((ms, index) => ({ size: 2 ** index, ms: ms * 2 ** index }))

describe('the size up to which batching pays', () => {
  test.each([
    ['nothing measured', [], 1],
    ['a convolutional net', rows(33, 32.6, 32.4), 1],
    ['a transformer', rows(18.3, 16, 15.2, 14.7, 15.5), 4],
    ['a tiny net', rows(0.028, 0.015, 0.007, 0.004, 0.0023, 0.0013), 32],
    ['a gain after a size without one', rows(10, 10, 8, 8), 4],
    ['one that gets slower', rows(1, 2, 3), 1],
  ])('%s: %j gives %i', (_, times, size) => {
    expect(choosePayingSize(times)).toBe(size)
  })

  test.each([
    ['at first', rows(10), true],
    ['one size without a gain may be chance', rows(10, 10), true],
    ['two are not', rows(10, 10, 9.9), false],
    ['a gain goes on', rows(10, 8, 6, 5), true],
    ['a gain that ended', rows(10, 8, 8, 8), false],
  ])('%s: looking further at %j is %j', (_, times, expected) => {
    expect(mayPay(times)).toBe(expected)
  })
})

describe('threads and workers', () => {
  test.each([
    ['tiny', { threads: 8, oneThreadMs: 0.03, allThreadsMs: 0.05 }, { threads: 1, workers: 1 }],
    ['uses both cores', { threads: 2, oneThreadMs: 33, allThreadsMs: 18 }, { threads: 2, workers: 1 }],
    ['loses a fifth', { threads: 2, oneThreadMs: 18.3, allThreadsMs: 11.4 }, { threads: 1, workers: 2 }],
    ['many cores', { threads: 16, oneThreadMs: 100, allThreadsMs: 20 }, { threads: 4, workers: 4 }],
    ['one core', { threads: 1, oneThreadMs: 50, allThreadsMs: 50 }, { threads: 1, workers: 1 }],
  ])('%s, the workers open', (_, times, shares) => {
    expect(shareThreads({ ...times, areWorkersFree: true })).toEqual(shares)
  })

  test.each([
    [{ threads: 4, oneThreadMs: 100, allThreadsMs: 40 }, 4],
    [{ threads: 4, oneThreadMs: 0.03, allThreadsMs: 0.04 }, 1],
  ])('a given number of workers stays: %j', (times, threads) => {
    expect(shareThreads({ ...times, areWorkersFree: false })).toEqual({ threads, workers: undefined })
  })
})
