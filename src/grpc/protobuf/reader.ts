import { failure, type Failure } from '../../errors.ts'

/** How a field's value is laid out: https://protobuf.dev/programming-guides/encoding/ */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const
export type Wire = (typeof WIRE)[keyof typeof WIRE]

/** Messages, map entries and texts in one message: each costs far more memory than the two bytes that it may have. */
const MAX_OBJECTS = 65_536
/** Byte strings in one message. */
const MAX_BYTE_STRINGS = 250_000
const LONGEST_VARINT = 10

/**
 * Reads protobuf's bytes, which come from anyone. Nothing is read beyond the end, nothing is allocated by a length that
 * the bytes only claim, and what is malformed throws BAD_REQUEST. Byte strings are views of the message, not copies.
 */
export class Reader {
  readonly #bytes: Buffer
  #at = 0
  #end: number
  #objects = 0
  #byteStrings = 0
  /** The halves of the varint that was read last. */
  low = 0
  high = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
    this.#end = bytes.length
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#end
  }

  /** Reads up to 64 bits into `low` and `high`. */
  varint(): void {
    let low = 0
    let high = 0
    for (let count = 0; count < LONGEST_VARINT; count++) {
      if (this.#at >= this.#end) throw malformed('a number is cut off')
      const byte = this.#bytes[this.#at++]!
      const bits = byte & 0x7f
      if (count < 4) low |= bits << (7 * count)
      else if (count === 4) {
        low |= bits << 28
        high = bits >>> 4
      } else high |= bits << (7 * count - 32)
      if (byte < 0x80) {
        this.low = low
        this.high = high
        return
      }
    }
    throw malformed('a number has more than 10 bytes')
  }

  /** The number and the layout of the next field. */
  tag(): { number: number; wire: number } {
    this.varint()
    const number = this.low >>> 3
    if (this.high !== 0 || number === 0) throw malformed('a field has a number that there is not')
    return { number, wire: this.low & 7 }
  }

  /** A view of the next byte string. */
  bytes(): Buffer {
    if (++this.#byteStrings > MAX_BYTE_STRINGS) {
      throw malformed(`it has more than ${MAX_BYTE_STRINGS} byte strings; send them in raw_input_contents`)
    }
    return this.#slice()
  }

  text(): string {
    this.#countObject()
    const bytes = this.#slice()
    try {
      return UTF8.decode(bytes)
    } catch {
      throw malformed('a text is not UTF-8')
    }
  }

  /** A view of `size` bytes. */
  fixed(size: number): Buffer {
    if (this.#end - this.#at < size) throw malformed('a number is cut off')
    this.#at += size
    return this.#bytes.subarray(this.#at - size, this.#at)
  }

  /** Reads what is inside the next length-delimited field; `read` is called until its end. */
  inside(read: () => void): void {
    const outer = this.#end
    const length = this.#length()
    this.#end = this.#at + length
    while (!this.isAtEnd) read()
    this.#end = outer
  }

  /** The same for a message or an entry of a map, which become objects. */
  object(read: () => void): void {
    this.#countObject()
    this.inside(read)
  }

  /** How many elements a run of packed varints has, from the current place to the end of the run. */
  countVarints(): number {
    let count = 0
    for (let at = this.#at; at < this.#end; at++) if (this.#bytes[at]! < 0x80) count++
    return count
  }

  /** Bytes to the end of what is being read. */
  get left(): number {
    return this.#end - this.#at
  }

  skip(wire: number): void {
    if (wire === WIRE.varint) this.varint()
    else if (wire === WIRE.fixed64) this.fixed(8)
    else if (wire === WIRE.bytes) this.#slice()
    else if (wire === WIRE.fixed32) this.fixed(4)
    else throw malformed('it has a group or a field of a kind that there is not')
  }

  #slice(): Buffer {
    return this.fixed(this.#length())
  }

  /** A length that fits into what is there. */
  #length(): number {
    this.varint()
    const length = this.low >>> 0
    if (this.high !== 0 || length > this.left) throw malformed('a field is longer than the message')
    return length
  }

  #countObject(): void {
    if (++this.#objects > MAX_OBJECTS) {
      throw malformed(`it has more than ${MAX_OBJECTS} texts, messages and entries`)
    }
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function malformed(what: string): Failure {
  return failure('BAD_REQUEST', `The protobuf message is malformed: ${what}.`)
}
