import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { LineReader } from '../../../src/pool/line-reader.ts'
import { waitFor } from '../../support/wait-for.ts'

// Only the clock stands still: streams need their own timers.
beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

function readLines() {
  const lines: string[] = []
  const stream = new PassThrough()
  new LineReader(line => lines.push(line)).read(stream)
  return { lines, stream }
}

test('lines come whole, however they were cut, and the last one without its end', async () => {
  const { lines, stream } = readLines()
  for (const piece of ['one\ntw', 'o\n', '\nfour']) stream.write(piece)
  stream.end()
  await waitFor('the last line', () => lines.length === 4)
  expect(lines).toEqual(['one', 'two', '', 'four'])
})

test('a character that is cut in two stays one character', async () => {
  const { lines, stream } = readLines()
  const bytes = Buffer.from('größe\n')
  stream.write(bytes.subarray(0, 3))
  stream.end(bytes.subarray(3))
  await waitFor('the line', () => lines.length === 1)
  expect(lines).toEqual(['größe'])
})

test('a line without an end takes no more than 8,192 characters', async () => {
  const { lines, stream } = readLines()
  for (let i = 0; i < 100; i++) stream.write('x'.repeat(10_000))
  stream.end('\nshort')
  await waitFor('both lines', () => lines.length === 2)
  expect(lines.map(line => line.length)).toEqual([8192, 5])
})

test('of a flood 200 lines a second are kept and the rest is counted', async () => {
  const { lines, stream } = readLines()
  stream.write('flood\n'.repeat(1000))
  await waitFor('the kept lines', () => lines.length === 200)
  vi.advanceTimersByTime(1000)
  stream.end('after\n')
  await waitFor('the line after', () => lines.at(-1) === 'after')
  expect(lines.slice(200)).toEqual(['(800 more lines within one second were dropped)', 'after'])
})

test('what was dropped at the very end is counted too', async () => {
  const { lines, stream } = readLines()
  stream.end('flood\n'.repeat(250))
  await waitFor('the count', () => lines.length > 200)
  expect(lines.slice(200)).toEqual(['(50 more lines within one second were dropped)'])
})
