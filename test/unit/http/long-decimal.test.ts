import { expect, test } from 'vitest'
import { divideDigits } from '../../../src/http/long-decimal.ts'

function read(text: string): number {
  const point = text.indexOf('.')
  const power = point < 0 ? 1 : 10 ** (text.length - point - 1)
  return divideDigits(Buffer.from(text), 0, text.length, power)
}

/** The same numbers at each run. */
function* digits(count: number, length: number): Generator<string> {
  let state = 7
  for (let number = 0; number < count; number++) {
    let text = ''
    while (text.length < length) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      text += String(state).slice(0, length - text.length)
    }
    yield text
  }
}

test.each([16, 17, 18, 20, 22, 30])('numbers of %i digits are read as JavaScript reads them', length => {
  let uncertain = 0
  const check = (text: string) => {
    const value = read(text)
    if (Number.isNaN(value)) uncertain++
    else if (value !== Number(text)) expect([text, value]).toEqual([text, Number(text)])
  }
  for (const text of digits(20_000, length)) {
    check(text)
    for (const before of [1, 3, 15]) {
      if (length - before <= 22) check(`${text.slice(0, before)}.${text.slice(before)}`)
    }
    if (length <= 22) check(`0.${text}`)
  }
  // Those that lie halfway, as whole numbers often do.
  expect(uncertain).toBeLessThan(8000)
})

test.each([
  ['halfway between two doubles', '9007199254740993'],
  ['halfway, behind the point', '4503599627370496.5'],
  ['of too many digits', '1234567890123456789012345678901'],
])('a number %s is left to others, or right', (_what, text) => {
  expect(read(text)).toSatisfy(value => Number.isNaN(value) || value === Number(text))
})

test.each([
  '0.00000000000000000123',
  '9007199254740992.0000001',
  '179769313486231570000000000000',
  '0.1000000000000000055',
])('%s is the nearest double', text => {
  expect(read(text)).toBe(Number(text))
})
