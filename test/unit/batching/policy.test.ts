import { expect, test } from 'vitest'
import { decide } from '../../../src/batching/policy.ts'

test.each([
  ['nothing waits', { waiting: 0, oldestMs: 0, maxDelayMs: 0 }, { take: 0, waitMs: Infinity }],
  ['one waits and no delay was asked for', { waiting: 1, oldestMs: 0, maxDelayMs: 0 }, { take: 1 }],
  [
    'fewer than a batch wait and no delay was asked for',
    { waiting: 3, oldestMs: 0, maxDelayMs: 0 },
    { take: 3 },
  ],
  ['a batch waits', { waiting: 4, oldestMs: 0, maxDelayMs: 100 }, { take: 4 }],
  ['more than a batch waits', { waiting: 9, oldestMs: 0, maxDelayMs: 100 }, { take: 4 }],
  ['one has just come and may wait', { waiting: 1, oldestMs: 0, maxDelayMs: 100 }, { take: 0, waitMs: 100 }],
  ['the oldest has waited a while', { waiting: 3, oldestMs: 70, maxDelayMs: 100 }, { take: 0, waitMs: 30 }],
  ['the oldest has waited long enough', { waiting: 3, oldestMs: 100, maxDelayMs: 100 }, { take: 3 }],
  ['the oldest has waited too long', { waiting: 2, oldestMs: 5000, maxDelayMs: 100 }, { take: 2 }],
])('%s', (_case, facts, decision) => {
  expect(decide({ batchSize: 4, ...facts })).toEqual(decision)
})

test('a batch size of one never waits', () => {
  expect(decide({ waiting: 1, batchSize: 1, oldestMs: 0, maxDelayMs: 60_000 })).toEqual({ take: 1 })
})
