import { string, TYPE, type Scalar } from './kinds.ts'
import { NumberList, type Numbers } from './number-list.ts'
import { malformed, WIRE } from './reader.ts'
import type { Codec, Field } from './shape.ts'
import { sized, varint32Size } from './writer.ts'

const typeOf = <T>({ type, enumeration }: Scalar<T>) =>
  enumeration === undefined ? { type } : { type, enumeration }

const tagSize = (number: number) => varint32Size(number << 3)

function expectWire(wire: number, expected: number, number: number): void {
  if (wire !== expected) throw malformed(`field ${number} is not of the kind that it has in the .proto file`)
}

/** A element value; one that is not there is zero, and zero is not sent. */
export function single<T>(number: number, kind: Scalar<T>): Field<T, T> {
  const isZero = (value: T) => value === kind.zero || (value instanceof Uint8Array && value.length === 0)
  return {
    ...optional(number, kind),
    shape: { ...typeOf(kind), label: 'one' },
    begin: () => kind.zero,
    // What read() gave is of the kind; begin() gave its zero.
    end: state => state as T,
    size: value => (isZero(value) ? 0 : tagSize(number) + kind.size(value)),
    write: (writer, value) => {
      if (isZero(value)) return
      writer.tag(number, kind.wire)
      kind.write(writer, value)
    },
  }
}

/** A element value that may be absent, which is not the same as zero. Of those with one `oneof` only one is there. */
export function optional<T>(number: number, kind: Scalar<T>, oneof?: string): Field<T, T | undefined> {
  return {
    number,
    shape: { ...typeOf(kind), label: 'optional', ...(oneof === undefined ? {} : { oneof }) },
    begin: () => undefined,
    read: (reader, wire) => {
      expectWire(wire, kind.wire, number)
      return kind.read(reader)
    },
    end: state => state as T | undefined,
    size: value => tagSize(number) + kind.size(value),
    write: (writer, value) => {
      writer.tag(number, kind.wire)
      kind.write(writer, value)
    },
  }
}

/** A message; undefined where it is not there. Several of one field are one message. */
export function nested<In, Out>(
  number: number,
  message: Codec<In, Out>,
  oneof?: string,
): Field<In, Out | undefined> {
  return {
    number,
    shape: { type: TYPE.message, label: 'optional', message, ...(oneof === undefined ? {} : { oneof }) },
    begin: () => undefined,
    read: (reader, wire, state) => {
      expectWire(wire, WIRE.bytes, number)
      const inner = Array.isArray(state) ? state : message.begin()
      reader.object(() => message.readField(reader, inner))
      return inner
    },
    end: state => (Array.isArray(state) ? message.end(state) : undefined),
    size: value => tagSize(number) + sized(message.size(value)),
    write: (writer, value) => {
      writer.tag(number, WIRE.bytes)
      message.writeSized(writer, value)
    },
  }
}

export function nestedList<In, Out>(number: number, message: Codec<In, Out>): Field<readonly In[], Out[]> {
  const element = nested(number, message)
  return {
    number,
    shape: { type: TYPE.message, label: 'repeated', message },
    begin: () => [],
    read: (reader, wire, state) => append(state, element.end(element.read(reader, wire, undefined))),
    end: state => state as Out[],
    size: values => values.reduce((sum, value) => sum + element.size(value), 0),
    write: (writer, values) => {
      for (const value of values) element.write(writer, value)
    },
  }
}

/** Texts or byte strings. */
export function list<T>(number: number, kind: Scalar<T>): Field<readonly T[], T[]> {
  const element = optional(number, kind)
  return {
    number,
    shape: { type: kind.type, label: 'repeated' },
    begin: () => [],
    read: (reader, wire, state) => append(state, element.read(reader, wire, undefined)),
    end: state => state as T[],
    size: values => values.reduce((sum, value) => sum + element.size(value), 0),
    write: (writer, values) => {
      for (const value of values) element.write(writer, value)
    },
  }
}

/** Numbers, packed on the wire, in a typed array. */
export function numbers<T, A extends Numbers>(
  number: number,
  kind: Scalar<T> & { readonly array: new (length: number) => A },
): Field<ArrayLike<T>, A> {
  const width = new kind.array(0).BYTES_PER_ELEMENT
  const dataSize = (values: ArrayLike<T>) => {
    if (kind.wire !== WIRE.varint) return values.length * width
    let size = 0
    for (let index = 0; index < values.length; index++) size += kind.size(values[index]!)
    return size
  }
  return {
    number,
    shape: { type: kind.type, label: 'repeated' },
    begin: () => new NumberList(kind),
    read: (reader, wire, state) => {
      // One at a time is how old writers send them.
      const isPacked = wire === WIRE.bytes
      if (!isPacked) expectWire(wire, kind.wire, number)
      if (state instanceof NumberList) state.read(reader, isPacked)
      return state
    },
    end: state => (state as NumberList<T, A>).toArray(),
    size: values => (values.length === 0 ? 0 : tagSize(number) + sized(dataSize(values))),
    write: (writer, values) => {
      if (values.length === 0) return
      writer.tag(number, WIRE.bytes)
      writer.varint32(dataSize(values))
      // Little-endian here as there: what lies in the array is what goes over the wire.
      if (kind.wire !== WIRE.varint && values instanceof kind.array) return writer.copy(viewOf(values))
      for (let index = 0; index < values.length; index++) kind.write(writer, values[index]!)
    },
  }
}

/** Values by text. The last of a key counts. */
export function map<In, Out>(
  number: number,
  value: Field<In, Out | undefined>,
  zero: () => Out,
): Field<ReadonlyMap<string, In>, Map<string, Out>> {
  const key = optional(1, string)
  return {
    number,
    shape: { type: TYPE.message, label: 'repeated', mapOf: value.shape },
    begin: () => new Map(),
    read: (reader, wire, state) => {
      expectWire(wire, WIRE.bytes, number)
      let name: unknown
      let found: unknown
      reader.object(() => {
        const tag = reader.tag()
        if (tag.number === 1) name = key.read(reader, tag.wire, name)
        else if (tag.number === 2) found = value.read(reader, tag.wire, found)
        else reader.skip(tag.wire)
      })
      // begin() made it.
      const entries = state as Map<string, Out>
      return entries.set(typeof name === 'string' ? name : '', value.end(found) ?? zero())
    },
    end: state => state as Map<string, Out>,
    size: entries => {
      let size = 0
      for (const [name, inner] of entries) size += tagSize(number) + sized(key.size(name) + value.size(inner))
      return size
    },
    write: (writer, entries) => {
      for (const [name, inner] of entries) {
        writer.tag(number, WIRE.bytes)
        writer.varint32(key.size(name) + value.size(inner))
        key.write(writer, name)
        value.write(writer, inner)
      }
    },
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Numbers): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function append(state: unknown, value: unknown): unknown {
  if (Array.isArray(state)) state.push(value)
  return state
}
