import { expect, test } from 'vitest'
import { MAX_PASSES, pickLevel } from '../../../src/batching/priority.ts'

const none = Infinity

test.each([
  ['nothing waits', { oldestAt: [none, none, none], passes: 0 }, -1],
  ['all levels wait', { oldestAt: [9, 5, 1], passes: 0 }, 0],
  ['the highest has none', { oldestAt: [none, 5, 1], passes: 7 }, 1],
  ['the lower ones were passed often enough', { oldestAt: [9, 5, 1], passes: MAX_PASSES }, 2],
  ['of the lower ones the other is older', { oldestAt: [9, 1, 5], passes: MAX_PASSES }, 1],
  ['only the highest waits', { oldestAt: [9, none, none], passes: MAX_PASSES }, 0],
  ['only the lowest waits', { oldestAt: [none, none, 3], passes: MAX_PASSES }, 2],
])('where %s', (_case, facts, level) => {
  expect(pickLevel(facts)).toBe(level)
})
