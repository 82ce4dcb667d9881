import { describe, expect, test } from 'vitest'
import { decide, maySpare } from '../../../src/batching/policy.ts'

test.each([
  ['nothing waits', { waiting: 0, oldestMs: 0, maxDelayMs: 0 }, { take: 0, waitMs: Infinity }],
  [
    'one waits and no delay was asked for',
    { waiting: 1, oldestMs: 0, maxDelayMs: 0 },
    { take: 1, cutBy: 'idle' },
  ],
  [
    'fewer than a batch wait and no delay was asked for',
    { waiting: 3, oldestMs: 0, maxDelayMs: 0 },
    { take: 3, cutBy: 'idle' },
  ],
  ['a batch waits', { waiting: 4, oldestMs: 0, maxDelayMs: 100 }, { take: 4, cutBy: 'full' }],
  ['more than a batch waits', { waiting: 9, oldestMs: 0, maxDelayMs: 100 }, { take: 4, cutBy: 'full' }],
  ['one has just come and may wait', { waiting: 1, oldestMs: 0, maxDelayMs: 100 }, { take: 0, waitMs: 100 }],
  ['the oldest has waited a while', { waiting: 3, oldestMs: 70, maxDelayMs: 100 }, { take: 0, waitMs: 30 }],
  [
    'the oldest has waited long enough',
    { waiting: 3, oldestMs: 100, maxDelayMs: 100 },
    { take: 3, cutBy: 'delay' },
  ],
  [
    'the oldest has waited too long',
    { waiting: 2, oldestMs: 5000, maxDelayMs: 100 },
    { take: 2, cutBy: 'delay' },
  ],
  [
    'a deadline is nearer than the end of the delay',
    { waiting: 2, oldestMs: 10, maxDelayMs: 100, leftMs: 20 },
    { take: 0, waitMs: 20 },
  ],
  [
    'a deadline is near',
    { waiting: 2, oldestMs: 10, maxDelayMs: 100, leftMs: -5 },
    { take: 2, cutBy: 'delay' },
  ],
])('%s', (_case, facts, decision) => {
  expect(decide({ batchSize: 4, leftMs: Infinity, preferredSizes: [], ...facts })).toEqual(decision)
})

test('a batch size of one never waits', () => {
  const facts = { oldestMs: 0, maxDelayMs: 60_000, leftMs: Infinity, preferredSizes: [] }
  expect(decide({ ...facts, waiting: 1, batchSize: 1 })).toEqual({ take: 1, cutBy: 'full' })
})

describe('with preferred sizes and a delay', () => {
  const facts = { batchSize: 16, maxDelayMs: 100, leftMs: Infinity, preferredSizes: [4, 8] }
  test.each([
    ['none is reached', { waiting: 3, oldestMs: 40 }, { take: 0, waitMs: 60 }],
    ['one is reached', { waiting: 5, oldestMs: 0 }, { take: 4, cutBy: 'preferred' }],
    ['the larger one is reached', { waiting: 9, oldestMs: 0 }, { take: 8, cutBy: 'preferred' }],
    ['the batch is full', { waiting: 20, oldestMs: 0 }, { take: 16, cutBy: 'full' }],
    ['the delay is over', { waiting: 5, oldestMs: 100 }, { take: 5, cutBy: 'delay' }],
  ])('%s', (_case, some, decision) => {
    expect(decide({ ...facts, ...some })).toEqual(decision)
  })
})

test.each([
  [{ waiting: 3, least: 4, workers: 1 }, false],
  [{ waiting: 4, least: 4, workers: 1 }, true],
  [{ waiting: 7, least: 4, workers: 2 }, false],
  [{ waiting: 8, least: 4, workers: 2 }, true],
  [{ waiting: 1, least: 1, workers: 0 }, true],
  [{ waiting: 9, least: Infinity, workers: 1 }, false],
])('a busy worker gets a batch beside its own only where all others still find one: %j', (facts, may) => {
  expect(maySpare(facts)).toBe(may)
})
