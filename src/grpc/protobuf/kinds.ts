import { WIRE, type Reader, type Wire } from './reader.ts'
import { sized, varint64Size, type Writer } from './writer.ts'

/** Numbers of protobuf's descriptor: https://github.com/protocolbuffers/protobuf descriptor.proto, FieldDescriptorProto.Type */
export const TYPE = {
  double: 1,
  float: 2,
  int64: 3,
  uint64: 4,
  int32: 5,
  bool: 8,
  string: 9,
  message: 11,
  bytes: 12,
  uint32: 13,
  enum: 14,
} as const

/** How one value of a kind is read and written. */
export interface Scalar<T> {
  readonly type: number
  readonly wire: Wire
  /** What a field that is not there has. */
  readonly zero: T
  read(reader: Reader): T
  size(value: T): number
  write(writer: Writer, value: T): void
  readonly enumeration?: Enumeration
}

function varint<T>(
  type: number,
  zero: T,
  read: (low: number, high: number) => T,
  toWire: (value: T) => bigint,
): Scalar<T> {
  return {
    type,
    wire: WIRE.varint,
    zero,
    read: reader => {
      reader.varint()
      return read(reader.low, reader.high)
    },
    size: value => varint64Size(toWire(value)),
    write: (writer, value) => writer.varint64(toWire(value)),
  }
}

const joined = (low: number, high: number) => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)

export const bool = {
  ...varint(
    TYPE.bool,
    false,
    (low, high) => (low | high) !== 0,
    value => (value ? 1n : 0n),
  ),
  array: Uint8Array,
}
export const int32 = { ...varint(TYPE.int32, 0, low => low | 0, BigInt), array: Int32Array }
export const uint32 = { ...varint(TYPE.uint32, 0, low => low >>> 0, BigInt), array: Uint32Array }
export const int64 = {
  ...varint(
    TYPE.int64,
    0n,
    (low, high) => BigInt.asIntN(64, joined(low, high)),
    value => value,
  ),
  array: BigInt64Array,
}
export const uint64 = { ...varint(TYPE.uint64, 0n, joined, value => value), array: BigUint64Array }
/** An enumeration: its numbers are what is read and written, its names are for descriptors. */
export interface Enumeration {
  /** Within its package, with the message around it before it. */
  readonly name: string
  readonly values: Readonly<Record<string, number>>
}

export function enumeration(
  name: string,
  values: Enumeration['values'],
): Scalar<number> & { readonly enumeration: Enumeration } {
  const kind = varint(TYPE.enum, 0, low => low | 0, BigInt)
  return { ...kind, enumeration: { name, values } }
}

export const float = {
  type: TYPE.float,
  wire: WIRE.fixed32,
  zero: 0,
  read: (reader: Reader) => reader.fixed(4).readFloatLE(),
  size: () => 4,
  write: (writer: Writer, value: number) => writer.float(value),
  array: Float32Array,
}
export const double = {
  type: TYPE.double,
  wire: WIRE.fixed64,
  zero: 0,
  read: (reader: Reader) => reader.fixed(8).readDoubleLE(),
  size: () => 8,
  write: (writer: Writer, value: number) => writer.double(value),
  array: Float64Array,
}
export const string: Scalar<string> = {
  type: TYPE.string,
  wire: WIRE.bytes,
  zero: '',
  read: reader => reader.text(),
  size: value => sized(Buffer.byteLength(value)),
  write: (writer, value) => {
    writer.varint32(Buffer.byteLength(value))
    writer.text(value)
  },
}
export const bytes: Scalar<Uint8Array> = {
  type: TYPE.bytes,
  wire: WIRE.bytes,
  zero: new Uint8Array(),
  read: reader => reader.bytes(),
  size: value => sized(value.length),
  write: (writer, value) => {
    writer.varint32(value.length)
    writer.copy(value)
  },
}
