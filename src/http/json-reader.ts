import { failure, type Failure } from '../errors.ts'

const MAX_DEPTH = 100
const QUOTE = 0x22
const SPACE = 0x20
const IS_SPACE = new Uint8Array(SPACE + 1)
for (const byte of [SPACE, 0x09, 0x0a, 0x0d]) IS_SPACE[byte] = 1
/** What a byte adds to the depth. */
const BRACKETS = new Int8Array(256)
for (const [bracket, change] of Object.entries({ '[': 1, '{': 1, ']': -1, '}': -1 })) {
  BRACKETS[bracket.charCodeAt(0)] = change
}
const BACKSLASH = 0x5c

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** 0 beyond the end. */
export function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0
}

/**
 * JSON read from its bytes, a value at a time: what is large goes to a reader of its own and never becomes a JavaScript
 * value. Throws BAD_REQUEST with the place of what is wrong.
 */
export class JsonReader {
  readonly bytes: Buffer
  /** The same bytes, for reading several at once. */
  readonly view: DataView
  /** Where the next byte is; past the end: none is left. */
  at = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    // A byte order mark.
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.at = 3
  }

  /** The next byte that is no white space, 0 at the end; it stays the next one. */
  peek(): number {
    const { bytes } = this
    let byte = byteAt(bytes, this.at)
    while (byte <= SPACE && IS_SPACE[byte] === 1) byte = byteAt(bytes, ++this.at)
    return byte
  }

  /** Takes this byte, if it is the next one. */
  takes(byte: number): boolean {
    if (this.peek() !== byte) return false
    this.at++
    return true
  }

  /**
   * The names of an object's members, each of which the caller has to read or skip before the next. A member that is null
   * is left out, as many clients print what they do not set. No name comes twice: readers that differ in which one counts
   * could be played off against each other.
   */
  *members(what: string): Generator<string> {
    if (!this.takes(0x7b)) throw this.expected(`${what} to be an object`)
    if (this.takes(0x7d)) return
    const names = new Set<string>()
    do {
      if (this.peek() !== QUOTE) throw this.expected('a member name')
      const nameAt = this.at
      const name = this.string()
      if (names.has(name)) {
        this.at = nameAt
        throw this.expected('each member once')
      }
      names.add(name)
      if (!this.takes(0x3a)) throw this.expected('":"')
      if (!this.#takesNull()) yield name
    } while (this.takes(0x2c))
    if (!this.takes(0x7d)) throw this.expected('"," or "}"')
  }

  #takesNull(): boolean {
    this.peek()
    const word = this.bytes.toString('latin1', this.at, this.at + 4)
    if (word !== 'null') return false
    this.at += 4
    return true
  }

  /** Once per element of a list, each of which the caller has to read. */
  *elements(what: string): Generator<number> {
    if (!this.takes(0x5b)) throw this.expected(`${what} to be a list`)
    if (this.takes(0x5d)) return
    let index = 0
    do yield index++
    while (this.takes(0x2c))
    if (!this.takes(0x5d)) throw this.expected('"," or "]"')
  }

  string(): string {
    const start = this.at
    const end = this.#endOfString()
    const isPlain = this.bytes.subarray(start, end).indexOf(BACKSLASH) === -1
    this.at = end
    if (isPlain) {
      const text = this.bytes.toString('utf8', start + 1, end - 1)
      if (!CONTROL.test(text)) return text
    }
    return this.#parse(start, end) as string
  }

  /** Any value, nested 100 deep at most. */
  value(): Json {
    const start = (this.peek(), this.at)
    this.skip()
    return this.#parse(start, this.at)
  }

  /** Passes over a value without making it; of what is in it only the brackets are looked at. */
  skip(): void {
    const first = this.peek()
    if (first === QUOTE) this.at = this.#endOfString()
    else if (BRACKETS[first] === 1) this.#skipBrackets()
    else this.#skipWord()
  }

  #skipBrackets(): void {
    const { bytes } = this
    let depth = 0
    while (this.at < bytes.length) {
      const byte = byteAt(bytes, this.at)
      if (byte === QUOTE) {
        this.at = this.#endOfString()
        continue
      }
      this.at++
      const change = BRACKETS[byte] ?? 0
      if (change === 0) continue
      depth += change
      if (depth > MAX_DEPTH)
        throw failure('BAD_REQUEST', `JSON nesting depth exceeds the limit of ${MAX_DEPTH}`)
      if (depth === 0) return
    }
    throw this.expected('the end of a list or object')
  }

  /** Nothing but white space may be left. */
  end(): void {
    if (this.peek() !== 0 || this.at < this.bytes.length) throw this.expected('the end')
  }

  /** What a failure says that stands at this place. */
  expected(what: string): Failure {
    const got =
      this.at < this.bytes.length
        ? JSON.stringify(this.bytes.toString('utf8', this.at, this.at + 12).replace(/\uFFFD.*/s, ''))
        : 'the end'
    return failure(
      'BAD_REQUEST',
      `failed to parse the request JSON: expected ${what} at byte ${this.at}, got ${got}`,
    )
  }

  #skipWord(): void {
    const { bytes } = this
    const start = this.at
    while (this.at < bytes.length && WORD[bytes[this.at] ?? 0] === 1) this.at++
    if (this.at === start) throw this.expected('a value')
  }

  /** Past the closing quote of the string that begins here. */
  #endOfString(): number {
    const { bytes } = this
    let at = this.at + 1
    for (;;) {
      const quote = bytes.indexOf(QUOTE, at)
      if (quote === -1) throw this.expected('the end of a string')
      let escapes = 0
      while (bytes[quote - 1 - escapes] === BACKSLASH) escapes++
      if (escapes % 2 === 0) return quote + 1
      at = quote + 1
    }
  }

  #parse(start: number, end: number): Json {
    try {
      // JSON.parse returns exactly these types; its declaration says any.
      return JSON.parse(this.bytes.toString('utf8', start, end)) as Json
    } catch {
      this.at = start
      throw this.expected('JSON')
    }
  }
}

const CONTROL = /\p{Cc}/u

/** Bytes that numbers, true, false, null, NaN and Infinity consist of. */
const WORD = new Uint8Array(256)
for (const character of '0123456789+-.eEtrufalsnNIiy') WORD[character.charCodeAt(0)] = 1
