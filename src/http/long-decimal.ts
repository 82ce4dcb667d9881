/** Decimal numbers with more digits than a double holds, without a text of each: in two doubles. */
import { byteAt } from './json-reader.ts'

const ZERO = 0x30
const POINT = 0x2e
/** So many digits are a double without rounding. */
const EXACT_DIGITS = 15
/** Both halves of a double that is split with it can be multiplied without rounding (Veltkamp, Dekker). */
const SPLITTER = 2 ** 27 + 1
/** More than what the steps below round away, of the quotient. */
const DOUBT = 2 ** -98

/**
 * Digits, with a point among them or not, divided by `power`, which is a power of ten up to 10^22: the nearest double.
 * NaN where there are more than 30 digits, or it is not certain which double is nearest.
 */
export function divideDigits(bytes: Uint8Array, first: number, end: number, power: number): number {
  let head = 0
  let tail = 0
  let scale = 1
  let digits = 0
  for (let at = first; at < end; at++) {
    const byte = byteAt(bytes, at)
    if (byte === POINT) continue
    if (digits++ < EXACT_DIGITS) head = head * 10 + (byte - ZERO)
    else {
      tail = tail * 10 + (byte - ZERO)
      scale *= 10
    }
  }
  if (digits > 2 * EXACT_DIGITS) return Number.NaN
  // head * scale + tail, as high + low without rounding.
  const product = head * scale
  const rest = roundedAway(head, scale, product) + tail
  const high = product + rest
  const low = rest - (high - product)
  const quotient = high / power
  const back = quotient * power
  const more = (high - back - roundedAway(quotient, power, back) + low) / power
  const doubt = quotient * DOUBT
  const value = quotient + (more - doubt)
  return value === quotient + (more + doubt) ? value : Number.NaN
}

/** What a product lost when it was rounded. */
function roundedAway(left: number, right: number, product: number): number {
  const leftHigh = left * SPLITTER - (left * SPLITTER - left)
  const rightHigh = right * SPLITTER - (right * SPLITTER - right)
  const leftLow = left - leftHigh
  const rightLow = right - rightHigh
  return leftLow * rightLow - (product - leftHigh * rightHigh - leftLow * rightHigh - leftHigh * rightLow)
}
