/** Reads what a Jaeger agent gets on its UDP port 6832: `emitBatch` in Thrift's binary protocol. */

export interface JaegerSpan {
  readonly name: string
  /** In hexadecimal digits, as W3C writes them. */
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string
  /** Microseconds since the epoch. */
  readonly startUs: number
  /** The keys and values of its tags, one after the other. */
  readonly text: string
}

/** A struct as its fields by number. */
type Struct = ReadonlyMap<number, unknown>

/** Reads values by their Thrift type from the head of a buffer on. */
class ThriftReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#at++)
  }

  i32(): number {
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }

  i64(): bigint {
    this.#at += 8
    return this.#bytes.readBigUInt64BE(this.#at - 8)
  }

  text(): string {
    const length = this.i32()
    this.#at += length
    return this.#bytes.toString('utf8', this.#at - length, this.#at)
  }

  struct(): Struct {
    const fields = new Map<number, unknown>()
    for (let type = this.byte(); type !== 0; type = this.byte()) {
      this.#at += 2
      fields.set(this.#bytes.readInt16BE(this.#at - 2), this.#value(type))
    }
    return fields
  }

  #value(type: number): unknown {
    switch (type) {
      case 2:
        return this.byte() === 1
      case 4:
        this.#at += 8
        return this.#bytes.readDoubleBE(this.#at - 8)
      case 8:
        return this.i32()
      case 10:
        return this.i64()
      case 11:
        return this.text()
      case 12:
        return this.struct()
      case 15: {
        const element = this.byte()
        return Array.from({ length: this.i32() }, () => this.#value(element))
      }
      default:
        throw new Error(`A Jaeger packet holds no Thrift type ${type}`)
    }
  }
}

/** The spans of one packet. */
export function readJaegerBatches(packet: Buffer): JaegerSpan[] {
  const reader = new ThriftReader(packet)
  reader.i32() // Version and kind of the message.
  if (reader.text() !== 'emitBatch') throw new Error('A Jaeger packet is an emitBatch')
  reader.i32() // Sequence number.
  const batch = reader.struct().get(1) as Struct
  return (batch.get(2) as Struct[]).map(readSpan)
}

// Field numbers as in https://github.com/jaegertracing/jaeger-idl/blob/main/thrift/jaeger.thrift
function readSpan(span: Struct): JaegerSpan {
  const hex = (field: number) => (span.get(field) as bigint).toString(16).padStart(16, '0')
  const tags = (span.get(10) as Struct[] | undefined) ?? []
  return {
    traceId: hex(2) + hex(1),
    spanId: hex(3),
    parentId: hex(4),
    name: span.get(5) as string,
    startUs: Number(span.get(8)),
    text: tags.flatMap(tag => [...tag.values()].map(String)).join(' '),
  }
}
