/** Singles (FP32) as JSON, in the fewest digits that are read as the same single. */

const POWERS = Float64Array.from({ length: 23 }, (_, exponent) => 10 ** exponent)
const [ZERO, MINUS, POINT, COMMA] = [0x30, 0x2d, 0x2e, 0x2c]
/** Seven significant digits are enough for many, nine for all. */
const [FEWEST_DIGITS, MOST_DIGITS] = [7, 9]
/** Of these sizes the digits fit an integer of 32 bits, and no exponent is needed. */
const [SMALLEST_USUAL, LARGEST_USUAL] = [1e-4, 1e8]
/** Characters of the longest number with its comma. */
const MAX_CHARS = 26

/** The elements with commas between them; `printSpecial` says what stands for NaN and the infinities. */
export function writeSingles(values: Float32Array, printSpecial: (value: number) => string): string {
  const buffer = Buffer.allocUnsafe(values.length * MAX_CHARS)
  let at = 0
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? 0
    if (index > 0) buffer[at++] = COMMA
    const end = writeUsual(buffer, at, value)
    at = end > at ? end : at + buffer.write(printUnusual(value, printSpecial), at, 'latin1')
  }
  return buffer.toString('latin1', 0, at)
}

function printUnusual(value: number, printSpecial: (value: number) => string): string {
  if (!Number.isFinite(value)) return printSpecial(value)
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  for (let precision = 1; precision <= MOST_DIGITS; precision++) {
    const rounded = Number(value.toPrecision(precision))
    if (Math.fround(rounded) === value) return String(rounded)
  }
  return String(value)
}

/** Writes a number of usual size and gives the place behind it; `at` itself for another. */
function writeUsual(buffer: Buffer, at: number, value: number): number {
  const size = value < 0 ? -value : value
  if (!(size >= SMALLEST_USUAL && size < LARGEST_USUAL)) return at
  let exponent = size >= 1 ? 0 : -4
  while (size >= power(exponent + 1)) exponent++
  for (let digits = FEWEST_DIGITS; digits <= MOST_DIGITS; digits++) {
    const decimals = Math.max(0, digits - 1 - exponent)
    const scale = power(decimals)
    const scaled = Math.round(size * scale)
    if (Math.fround(scaled / scale) !== size) continue
    const start = value < 0 ? at + 1 : at
    if (value < 0) buffer[at] = MINUS
    return writeScaled(buffer, start, scaled, decimals)
  }
  return at
}

function power(exponent: number): number {
  return exponent < 0 ? 1 / (POWERS[-exponent] ?? 1) : (POWERS[exponent] ?? 1)
}

/** An integer with a point in front of so many of its digits, without zeros at the end of those. */
function writeScaled(buffer: Buffer, start: number, scaled: number, decimals: number): number {
  let rest = scaled | 0
  let left = decimals
  while (left > 0 && rest % 10 === 0) {
    rest = (rest / 10) | 0
    left--
  }
  let length = 1
  while (rest >= power(length)) length++
  const whole = Math.max(length - left, 1)
  const end = start + whole + (left > 0 ? left + 1 : 0)
  for (let at = end - 1; at >= start; at--) {
    if (left > 0 && at === start + whole) {
      buffer[at] = POINT
      continue
    }
    const next = (rest / 10) | 0
    buffer[at] = ZERO + (rest - next * 10)
    rest = next
  }
  return end
}
