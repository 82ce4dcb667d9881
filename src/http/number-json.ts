/** Numbers of JSON, read from bytes. Each function leaves the reader behind the number; undefined: there is none. */
import { byteAt, type JsonReader } from './json-reader.ts'

const ZERO = 0x30
const POINT = 0x2e
const COMMA = 0x2c
const MINUS = 0x2d
const MAX_EXACT = 2 ** 53
/** Powers of ten that are doubles without rounding. */
const POWERS = Float64Array.from({ length: 23 }, (_, exponent) => 10 ** exponent)
/** What may stand behind a number. */
const IS_END = tableOf(',] \n\r\t}\0')

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const SPECIAL: Readonly<Record<string, number>> = { NaN, Infinity, '-Infinity': -Infinity }
/** More characters make no number that is not one with fewer. */
const MAX_CHARS = 1100

/**
 * A float, correctly rounded. Plain decimals of up to 15 digits are exact in one division; for singles a few roundings
 * more cannot be seen but in the middle between two of them. Anything else goes through Number.
 */
export function scanFloat(reader: JsonReader, isSingle: boolean): number | undefined {
  const { bytes, at: start } = reader
  const first = byteAt(bytes, start) === MINUS ? start + 1 : start
  let at = first
  let mantissa = 0
  let byte = byteAt(bytes, at)
  while (isDigit(byte)) {
    mantissa = mantissa * 10 + (byte - ZERO)
    byte = byteAt(bytes, ++at)
  }
  const point = at
  if (byte === POINT) {
    byte = byteAt(bytes, ++at)
    while (isDigit(byte)) {
      mantissa = mantissa * 10 + (byte - ZERO)
      byte = byteAt(bytes, ++at)
    }
  }
  const value = isPlain(bytes, first, point, at) ? divide(mantissa, at - point, isSingle) : undefined
  if (value === undefined) return scanWord(reader)
  reader.at = at
  return first === start ? value : -value
}

/** What can be wrong with one of many elements; the reader stands on it. */
export type Wrong = 'no number' | 'out of range' | 'one too many'

/** Floats with commas between them, into `floats` from `index` on; the index behind the last. Throws what `refuse` makes. */
export function scanFloats(
  reader: JsonReader,
  floats: Float32Array | Float64Array,
  index: number,
  refuse: (wrong: Wrong) => Error,
): number {
  const isSingle = floats instanceof Float32Array
  let next = index
  do {
    reader.peek()
    if (next === floats.length) throw refuse('one too many')
    const value = scanFloat(reader, isSingle)
    if (value === undefined) throw refuse('no number')
    if (isSingle && isBeyond(value)) throw refuse('out of range')
    floats[next++] = value
  } while (reader.takes(COMMA))
  return next
}

/** Above it a finite number is rounded to an infinite single. */
const MAX_SINGLE = 3.4028235677973366e38

function isBeyond(value: number): boolean {
  return (value > MAX_SINGLE && value !== Infinity) || (value < -MAX_SINGLE && value !== -Infinity)
}

/** Digits, without a zero in front of others, and digits behind the point where there is one. */
function isPlain(bytes: Uint8Array, first: number, point: number, end: number): boolean {
  const isWhole = point > first && (point === first + 1 || byteAt(bytes, first) !== ZERO)
  return isWhole && end !== point + 1 && IS_END[byteAt(bytes, end)] === 1
}

/** `width` is the number of characters from the point on. Undefined: not certain. */
function divide(mantissa: number, width: number, isSingle: boolean): number | undefined {
  if (width > POWERS.length) return undefined
  const value = width === 0 ? mantissa : mantissa / (POWERS[width - 1] ?? 1)
  if (mantissa < MAX_EXACT) return value
  if (!isSingle || mantissa >= 1e21) return undefined
  const isClear = Math.fround(value * (1 - 4e-15)) === Math.fround(value * (1 + 4e-15))
  return isClear ? value : undefined
}

/** Exponents, many digits, NaN and the infinities. */
function scanWord(reader: JsonReader): number | undefined {
  const { bytes, at: start } = reader
  let end = start
  while (IS_END[byteAt(bytes, end)] !== 1 && end - start < MAX_CHARS) end++
  const word = bytes.toString('latin1', start, end)
  const value = NUMBER.test(word) ? Number(word) : Object.hasOwn(SPECIAL, word) ? SPECIAL[word] : undefined
  if (value !== undefined) reader.at = end
  return value
}

/** Past the digits of an integer without fraction or exponent; undefined where there is none. */
function endOfInteger(bytes: Uint8Array, start: number): number | undefined {
  const first = byteAt(bytes, start) === MINUS ? start + 1 : start
  let at = first
  while (isDigit(byteAt(bytes, at))) at++
  return at > first && isPlain(bytes, first, at, at) ? at : undefined
}

/** Beyond 2^53 it is not exact: for types of 32 bits. */
export function scanInteger(reader: JsonReader): number | undefined {
  const { bytes, at: start } = reader
  const end = endOfInteger(bytes, start)
  if (end === undefined) return undefined
  const isNegative = byteAt(bytes, start) === MINUS
  let value = 0
  for (let at = isNegative ? start + 1 : start; at < end; at++)
    value = value * 10 + (byteAt(bytes, at) - ZERO)
  reader.at = end
  return isNegative ? 0 - value : value
}

const WORD = 2 ** 32
const MAX_FAST_CHARS = 15
/** 20 digits are the most, and a sign. */
const MAX_INTEGER_CHARS = 21

/** An integer of 64 bits into its two words, the lower one first. False where there is none in the range. */
export function scanBigInteger(
  reader: JsonReader,
  words: Uint32Array,
  index: number,
  isSigned: boolean,
): boolean {
  const { bytes, at: start } = reader
  const end = endOfInteger(bytes, start)
  if (end === undefined || end - start > MAX_INTEGER_CHARS) return false
  if (end - start > MAX_FAST_CHARS) {
    const value = BigInt(bytes.toString('latin1', start, end))
    if ((isSigned ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value)) !== value) return false
    words[2 * index] = Number(BigInt.asUintN(32, value))
    words[2 * index + 1] = Number(BigInt.asUintN(32, value >> 32n))
    reader.at = end
    return true
  }
  const value = scanInteger(reader) ?? 0
  words[2 * index] = value % WORD
  words[2 * index + 1] = Math.floor(value / WORD)
  return value >= 0 || isSigned
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= 0x39
}

function tableOf(characters: string): Uint8Array {
  const table = new Uint8Array(256)
  for (const character of characters) table[character.charCodeAt(0)] = 1
  return table
}
