/** A protobuf message as it is written: bytes at hand, and constants that are read only then. */
export type Piece = Buffer | { readonly byteLength: number; read(): Buffer }

/** Collects the fields of one message. Fields must be added in the order in which they are to stand. */
export class Message {
  readonly pieces: Piece[] = []
  byteLength = 0

  #add(piece: Piece): this {
    this.pieces.push(piece)
    this.byteLength += piece.byteLength
    return this
  }

  int(field: number, value: number | bigint): this {
    return this.#add(Buffer.concat([varint(BigInt(field) << 3n), varint(BigInt.asUintN(64, BigInt(value)))]))
  }

  float(field: number, value: number): this {
    const bytes = Buffer.alloc(4)
    bytes.writeFloatLE(value)
    return this.#add(Buffer.concat([varint((BigInt(field) << 3n) | 5n), bytes]))
  }

  text(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value, 'utf8'))
  }

  bytes(field: number, value: Piece): this {
    this.#header(field, value.byteLength)
    return this.#add(value)
  }

  message(field: number, value: Message): this {
    this.#header(field, value.byteLength)
    for (const piece of value.pieces) this.pieces.push(piece)
    this.byteLength += value.byteLength
    return this
  }

  /** Repeated whole numbers, packed. */
  ints(field: number, values: readonly (number | bigint)[]): this {
    return values.length === 0
      ? this
      : this.bytes(field, Buffer.concat(values.map(value => varint(BigInt.asUintN(64, BigInt(value))))))
  }

  floats(field: number, values: readonly number[]): this {
    const bytes = Buffer.alloc(values.length * 4)
    values.forEach((value, index) => bytes.writeFloatLE(value, index * 4))
    return values.length === 0 ? this : this.bytes(field, bytes)
  }

  #header(field: number, length: number): void {
    this.#add(Buffer.concat([varint((BigInt(field) << 3n) | 2n), varint(BigInt(length))]))
  }
}

function varint(value: bigint): Buffer {
  const bytes: number[] = []
  let rest = value
  do {
    const low = Number(rest & 0x7fn)
    rest >>= 7n
    bytes.push(rest === 0n ? low : low | 0x80)
  } while (rest !== 0n)
  return Buffer.from(bytes)
}
