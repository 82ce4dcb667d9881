/** Numbers of JSON, read from bytes. Each function leaves the reader behind the number; undefined: there is none. */
import { byteAt, type JsonReader } from './json-reader.ts'
import { divideDigits } from './long-decimal.ts'

const ZERO = 0x30
const POINT = 0x2e
const COMMA = 0x2c
const MINUS = 0x2d
const MAX_EXACT = 2 ** 53
const MAX_CLEAR = 1e21
/** By the characters from the point on, itself among them: powers of ten that are doubles without rounding, then NaN. */
const POWERS = Float64Array.from({ length: 25 }, (_, width) =>
  width > 23 ? Number.NaN : 10 ** Math.max(0, width - 1),
)
const NOT_PLAIN = POWERS.length - 1
/** What may stand behind a number. */
const IS_END = tableOf(',] \n\r\t}\0')

/** Whether a word may end in front of this byte. */
export function isEnd(byte: number): boolean {
  return IS_END[byte] === 1
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const SPECIAL: Readonly<Record<string, number>> = { NaN, Infinity, '-Infinity': -Infinity }

/** What can be wrong with one of many elements; the reader stands on it. */
export type Wrong = 'no number' | 'out of range' | 'one too many'

/**
 * Floats with commas between them, into `floats` from `index` on, correctly rounded; the index behind the last. Throws
 * what `refuse` makes. One loop, because at so many bytes a call for each costs more than what it does.
 */
export function scanFloats(
  reader: JsonReader,
  floats: Float32Array | Float64Array,
  index: number,
  refuse: (wrong: Wrong) => Error,
): number {
  const { bytes, view } = reader
  const last = bytes.length - 4
  const isSingle = floats instanceof Float32Array
  let next = index
  do {
    let byte = reader.peek()
    if (next === floats.length) throw refuse('one too many')
    const first = reader.at + Number(byte === MINUS)
    let at = first
    let mantissa = 0
    for (byte = byteAt(bytes, at); isDigit(byte); byte = byteAt(bytes, ++at)) {
      mantissa = mantissa * 10 + (byte - ZERO)
    }
    const point = at
    if (byte === POINT) {
      at++
      // Most digits of most floats stand behind the point.
      for (; areFourDigits(view, at, last); at += 4) mantissa = mantissa * 10_000 + fourDigits(view, at)
      for (byte = byteAt(bytes, at); isDigit(byte); byte = byteAt(bytes, ++at)) {
        mantissa = mantissa * 10 + (byte - ZERO)
      }
    }
    const power = POWERS[plainWidth(bytes, first, point, at)] ?? Number.NaN
    const value = divide(mantissa, power, isSingle)
    if (Number.isNaN(value)) floats[next++] = scanLong(reader, { end: at, power, isSingle }, refuse)
    else {
      floats[next++] = first === reader.at ? value : -value
      reader.at = at
    }
  } while (reader.takes(COMMA))
  return next
}

const HIGH_HALVES = 0xf0f0f0f0 | 0
const LOW_HALVES = 0x0f0f0f0f

/** Whether the next four characters are digits: the high half of one is 3, also with 6 added. */
function areFourDigits(view: DataView, at: number, last: number): boolean {
  if (at > last) return false
  const word = view.getInt32(at, true)
  return ((word & HIGH_HALVES) | (((word + 0x06060606) & HIGH_HALVES) >>> 4)) === 0x33333333
}

/** Four digits as one number: neighbours are joined by tens, then pairs by hundreds. */
function fourDigits(view: DataView, at: number): number {
  const digits = view.getInt32(at, true) & LOW_HALVES
  const pairs = (Math.imul(digits, 10 * 0x100 + 1) >>> 8) & 0x00ff00ff
  return Math.imul(pairs, 100 * 0x10000 + 1) >>> 16
}

/** Digits, without a zero in front of others, and digits behind the point where there is one. */
function isPlain(bytes: Uint8Array, first: number, point: number, end: number): boolean {
  const isWhole = point > first && (point === first + 1 || byteAt(bytes, first) !== ZERO)
  return isWhole && end !== point + 1 && IS_END[byteAt(bytes, end)] === 1
}

/** The number of characters from the point on. */
function plainWidth(bytes: Uint8Array, first: number, point: number, end: number): number {
  return isPlain(bytes, first, point, end) ? Math.min(end - point, NOT_PLAIN) : NOT_PLAIN
}

/** NaN: what was scanned is not plain, or it is not certain how it is rounded. */
function divide(mantissa: number, power: number, isSingle: boolean): number {
  const value = mantissa / power
  if (mantissa < MAX_EXACT) return value
  if (!isSingle || mantissa >= MAX_CLEAR) return Number.NaN
  return Math.fround(value * (1 - 4e-15)) === Math.fround(value * (1 + 4e-15)) ? value : Number.NaN
}

/** What one double does not hold; the digits end at `end`, and `power` is NaN where they are not plain. */
function scanLong(
  reader: JsonReader,
  { end, power, isSingle }: { end: number; power: number; isSingle: boolean },
  refuse: (wrong: Wrong) => Error,
): number {
  const isNegative = byteAt(reader.bytes, reader.at) === MINUS
  const isTried = !isSingle && power > 0
  const value = isTried ? divideDigits(reader.bytes, reader.at + Number(isNegative), end, power) : Number.NaN
  if (Number.isNaN(value)) return scanWord(reader, isSingle, refuse)
  reader.at = end
  return isNegative ? -value : value
}

/** Exponents, many digits, NaN and the infinities. A number that becomes an infinity is out of range. */
function scanWord(reader: JsonReader, isSingle: boolean, refuse: (wrong: Wrong) => Error): number {
  const { bytes, at: start } = reader
  let end = start
  while (IS_END[byteAt(bytes, end)] !== 1) end++
  const word = bytes.toString('latin1', start, end)
  const special = Object.hasOwn(SPECIAL, word) ? SPECIAL[word] : undefined
  if (special === undefined && !NUMBER.test(word)) throw refuse('no number')
  const value = special ?? Number(word)
  const isInfinite = !Number.isFinite(isSingle ? Math.fround(value) : value)
  if (isInfinite && special === undefined) throw refuse('out of range')
  reader.at = end
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
