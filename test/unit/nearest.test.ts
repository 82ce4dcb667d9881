import { expect, test } from 'vitest'
import { didYouMean, nearestName } from '../../src/nearest.ts'
import { keys } from '../../src/config/schema.ts'

const names = keys.map(key => key.name)

test.each([
  ['job_queue_sise', 'job_queue_size'],
  ['jobqueuesize', 'job_queue_size'],
  ['JOB_QUEUE_SIZE', 'job_queue_size'],
  ['inferance_adress', 'inference_address'],
  ['modle_store', 'model_store'],
  ['batch_size', undefined],
  ['x', undefined],
  ['', undefined],
  ['job_queue_size'.repeat(100_000), undefined],
])('%.40s is taken for %s', (name, expected) => {
  expect(nearestName(name, names)).toBe(expected)
})

test('a swap of two letters is one edit', () => {
  expect(nearestName('abdc', ['abcd', 'zzzz'])).toBe('abcd')
})

test('the hint is empty when nothing is near', () => {
  expect(didYouMean('modle_store', names)).toBe('; did you mean model_store?')
  expect(didYouMean('qqqqqq', names)).toBe('')
})
