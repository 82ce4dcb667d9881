import { expect, test } from 'vitest'
import { readPriority } from '../../../src/inference/infer-parameters.ts'

test.each([
  [undefined, undefined],
  [0, undefined],
  [1, 'high'],
  [2n, 'normal'],
  [3, 'low'],
  [99, 'low'],
])('the priority %s of the Open Inference Protocol is %s', (priority, level) => {
  expect(readPriority({ priority })).toBe(level)
})

test.each([-1, 1.5, 'high', true, null])('the priority %j is refused', priority => {
  expect(() => readPriority({ priority })).toThrow("Unable to parse 'priority': expected a whole number >= 0")
})
