/** Writes protobuf's bytes into a buffer that has room for the size that was counted before. */
export class Writer {
  readonly #bytes: Buffer
  #at: number

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  /** An unsigned number of up to 32 bits. */
  varint32(value: number): void {
    let left = value
    while (left > 0x7f) {
      this.#bytes[this.#at++] = (left & 0x7f) | 0x80
      left >>>= 7
    }
    this.#bytes[this.#at++] = left
  }

  /** A number of up to 64 bits by its halves, each unsigned; a negative one in two's complement. */
  varint64(low: number, high: number): void {
    let [lower, upper] = [low, high]
    while (upper !== 0 || lower > 0x7f) {
      this.#bytes[this.#at++] = (lower & 0x7f) | 0x80
      lower = ((lower >>> 7) | (upper << 25)) >>> 0
      upper >>>= 7
    }
    this.#bytes[this.#at++] = lower
  }

  tag(number: number, wire: number): void {
    this.varint32((number << 3) | wire)
  }

  copy(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  text(text: string): void {
    this.#at += this.#bytes.write(text, this.#at)
  }

  float(value: number): void {
    this.#at = this.#bytes.writeFloatLE(value, this.#at)
  }

  double(value: number): void {
    this.#at = this.#bytes.writeDoubleLE(value, this.#at)
  }
}

/** How many bytes a tag or a length takes. */
export function varint32Size(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  if (value < 0x20_0000) return 3
  return value < 0x1000_0000 ? 4 : 5
}

export function varint64Size(low: number, high: number): number {
  return high === 0 ? varint32Size(low) : Math.ceil((64 - Math.clz32(high)) / 7)
}

/** The size of something with its length before it. */
export function sized(length: number): number {
  return varint32Size(length) + length
}
