/** A flag and four bytes of length stand before each message: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
const HEAD_BYTES = 5

/** Counts the bytes of a message of which the rest is still to come, by the lengths in the stream of bytes alone. */
export class MessageMeter {
  #headBytes = 0
  #length = 0
  #received = 0

  /** Bytes that are there of a message that is not whole; 0 between two messages. */
  get incomplete(): number {
    return this.#headBytes + this.#received
  }

  add(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length) {
      if (this.#headBytes < HEAD_BYTES) this.#readHead(bytes[at++] ?? 0)
      else at += this.#readBody(bytes.length - at)
      if (this.#headBytes === HEAD_BYTES && this.#received === this.#length) this.#begin()
    }
  }

  #readHead(byte: number): void {
    // The first is the flag.
    if (this.#headBytes++ > 0) this.#length = this.#length * 256 + byte
  }

  #readBody(available: number): number {
    const taken = Math.min(available, this.#length - this.#received)
    this.#received += taken
    return taken
  }

  #begin(): void {
    this.#headBytes = 0
    this.#length = 0
    this.#received = 0
  }
}
