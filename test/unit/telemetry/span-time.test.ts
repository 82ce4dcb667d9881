import { expect, test } from 'vitest'
import { epochMs, toHrTime } from '../../../src/telemetry/span-time.ts'

test.each([
  [0, [0, 0]],
  [1.5, [0, 1_500_000]],
  [1_763_000_000_123.456, [1_763_000_000, 123_456_000]],
  [999.999_9, [1, 0]],
])('%d ms are %o in seconds and nanoseconds', (ms, time) => {
  expect(toHrTime(ms)).toEqual(time)
})

test('now is counted from the epoch', () => {
  expect(Math.abs(epochMs() - Date.now())).toBeLessThan(60_000)
})
