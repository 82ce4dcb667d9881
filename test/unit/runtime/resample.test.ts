import { expect, test } from 'vitest'
import { resample } from '../../../src/runtime/resample.ts'
import type { Pixels } from '../../../src/runtime/resample.ts'

const line: Pixels = { data: Uint8Array.of(0, 100, 50, 200), width: 4, height: 1, channels: 1 }

// The expected values are Pillow's: Image.fromarray(line).resize((n, 1), Image.BILINEAR).
test.each([
  [8, [0, 25, 75, 88, 63, 88, 163, 200]],
  [10, [0, 10, 50, 90, 85, 65, 65, 125, 185, 200]],
  [2, [50, 121]],
])('a line of four pixels resized to %i is as Pillow has it', (width, expected) => {
  const size = { width, height: 1 }
  expect([...resample(line, size, { ...size, left: 0, top: 0 }).data]).toEqual(expected)
})

test('a part of the resized image is the same as that part of the whole', () => {
  const data = Uint8Array.from({ length: 6 * 5 * 3 }, (_, index) => (index * 37) % 256)
  const source: Pixels = { data, width: 6, height: 5, channels: 3 }
  const target = { width: 11, height: 9 }
  const whole = resample(source, target, { ...target, left: 0, top: 0 })
  const part = resample(source, target, { left: 4, top: 3, width: 2, height: 2 })
  const row = (y: number) => [...whole.data.subarray((y * 11 + 4) * 3, (y * 11 + 6) * 3)]
  expect([...part.data]).toEqual([...row(3), ...row(4)])
})
