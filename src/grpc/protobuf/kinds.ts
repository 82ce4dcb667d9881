import { WIRE, type Reader, type Wire } from './reader.ts'
import { sized, varint32Size, varint64Size, type Writer } from './writer.ts'

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

/** Numbers of up to 32 bits do without a bigint, which is many times as slow. */
function narrow<T extends number | boolean>(
  type: number,
  zero: T,
  read: (low: number, high: number) => T,
): Scalar<T> {
  return {
    type,
    wire: WIRE.varint,
    zero,
    read: reader => {
      reader.varint()
      return read(reader.low, reader.high)
    },
    // A negative one is written with the 64 bits of its two's complement.
    size: value => (Number(value) < 0 ? LONGEST : varint32Size(Number(value))),
    write: (writer, value) => {
      const number = Number(value)
      if (number < 0) writer.varint64(number >>> 0, ALL_ONES)
      else writer.varint32(number)
    },
  }
}

const LONGEST = 10
const ALL_ONES = 0xffff_ffff

function wide(type: number, read: (low: number, high: number) => bigint): Scalar<bigint> {
  return {
    type,
    wire: WIRE.varint,
    zero: 0n,
    read: reader => {
      reader.varint()
      return read(reader.low, reader.high)
    },
    size: value => {
      WHOLE[0] = value
      return varint64Size(HALVES[0]!, HALVES[1]!)
    },
    write: (writer, value) => {
      WHOLE[0] = value
      writer.varint64(HALVES[0]!, HALVES[1]!)
    },
  }
}

/** Where a bigint is taken apart; reckoning with bigints is many times as slow. */
const WHOLE = new BigInt64Array(1)
const HALVES = new Uint32Array(WHOLE.buffer)

const joined = (low: number, high: number) => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)

export const bool = {
  ...narrow(TYPE.bool, false, (low, high) => (low | high) !== 0),
  array: Uint8Array,
}
export const int32 = { ...narrow(TYPE.int32, 0, low => low | 0), array: Int32Array }
export const uint32 = { ...narrow(TYPE.uint32, 0, low => low >>> 0), array: Uint32Array }
export const int64 = {
  ...wide(TYPE.int64, (low, high) => BigInt.asIntN(64, joined(low, high))),
  array: BigInt64Array,
}
export const uint64 = { ...wide(TYPE.uint64, joined), array: BigUint64Array }
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
  const kind = narrow(TYPE.enum, 0, low => low | 0)
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
