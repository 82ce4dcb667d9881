import { InvalidInput } from './handler.ts'

/**
 * Bytes from base64, with or without a `data:...;base64,` prefix, padding and line breaks. Unlike Buffer.from, which
 * skips what it does not know, throws InvalidInput for text that is not base64.
 */
export function decodeBase64(text: string): Uint8Array {
  const payload = text.replace(/^\s*data:[^,]{0,200};base64,/i, '').replace(/\s+/g, '')
  const digits = payload.replace(/={1,2}$/, '')
  // One left-over digit is 6 bits, too few for a byte; padding, where there is some, completes a group of four.
  const complete = digits.length % 4 !== 1 && (digits.length === payload.length || payload.length % 4 === 0)
  if (!complete || !/^[A-Za-z0-9+/]+$/.test(digits)) {
    throw new InvalidInput(`Expected base64, got ${describe(text)}`)
  }
  return Buffer.from(digits, 'base64')
}

function describe(text: string): string {
  if (text.trim() === '') return 'an empty text'
  return `a text of ${text.length} characters that begins ${JSON.stringify(text.slice(0, 16))}`
}
