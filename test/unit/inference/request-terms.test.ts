import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { readTerms } from '../../../src/inference/request-terms.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

const leftMs = (...given: Parameters<typeof readTerms>) => readTerms(...given).deadline - performance.now()

test.each([
  [{}, {}, Infinity],
  [{ 'x-request-timeout-ms': '250' }, {}, 250],
  [{ 'x-request-timeout-ms': '0.5' }, {}, 0.5],
  [{}, { timeoutMs: 40 }, 40],
  [{ 'x-request-timeout-ms': '250' }, { timeoutMs: 40 }, 40],
  [{ 'x-request-timeout-ms': '25' }, { timeoutMs: 40 }, 25],
])('with the headers %j and %j asked for, so much time is left', (headers, asked, ms) => {
  expect(leftMs(headers, asked)).toBeCloseTo(ms, 6)
})

test.each(['', '0', '-5', '1e3', 'soon', '5 ms', '5, 6', '9'.repeat(20)])(
  'a time-out of %j is refused',
  value => {
    expect(() => readTerms({ 'x-request-timeout-ms': value }, {})).toThrow(
      `x-request-timeout-ms must be milliseconds above 0, not ${JSON.stringify(value)}`,
    )
  },
)

test('the priority is the protocol’s, else the header’s, else normal', () => {
  expect(readTerms({}, {}).priority).toBe('normal')
  expect(readTerms({ 'x-request-priority': 'HIGH' }, {}).priority).toBe('high')
  expect(readTerms({ 'x-request-priority': 'high' }, { priority: 'low' }).priority).toBe('low')
  expect(() => readTerms({ 'x-request-priority': 'urgent' }, {})).toThrow(
    'x-request-priority must be one of high, normal, low, not "urgent"',
  )
})
