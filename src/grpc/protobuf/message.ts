import { Reader } from './reader.ts'
import type { Codec, Field, Home } from './shape.ts'
import { Writer } from './writer.ts'

/** Fields by name, each with types of its own. */
export type Fields = Readonly<Record<string, Field<never, unknown>>>

type Inward<F extends Fields> = {
  readonly [K in keyof F]?:
    (F[K] extends { write(writer: Writer, value: infer In): void } ? In : never) | undefined
}
type Outward<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends { end(state: unknown): infer Out } ? Out : never
}

/** A message as it is read: absent fields have their defaults. */
export type Read<M> = M extends { decode(bytes: Buffer): infer Out } ? Out : never
/** A message as it is written: fields may be left out. */
export type Written<M> = M extends { encode(value: infer In): Buffer } ? In : never

/** A message that knows how long it will be. */
export interface Encoded {
  readonly byteLength: number
  copy(target: Buffer, at: number): void
}

/** A message of a .proto file as a table of its fields: reads, writes and describes itself. */
export class Message<In = never, Out = unknown> implements Codec<In, Out> {
  readonly name: string
  readonly home: Home | undefined
  readonly fields: Fields
  readonly #ordered: readonly { readonly key: string; readonly field: Field<never, unknown> }[]
  readonly #placeOf: ReadonlyMap<number, number>
  /** For each place, the places of the other fields of its oneof. */
  readonly #others: readonly (readonly number[])[]

  constructor(name: string, fields: Fields, home?: Home) {
    this.name = name
    this.home = home
    this.fields = fields
    this.#ordered = Object.entries(fields).map(([key, field]) => ({ key, field }))
    this.#placeOf = new Map(this.#ordered.map(({ field }, place) => [field.number, place]))
    this.#others = this.#ordered.map(({ field }, place) =>
      this.#ordered.flatMap((other, index) =>
        index !== place && field.shape.oneof !== undefined && other.field.shape.oneof === field.shape.oneof
          ? [index]
          : [],
      ),
    )
  }

  /** Throws BAD_REQUEST for bytes that are not such a message. */
  decode(bytes: Buffer): Out {
    const reader = new Reader(bytes)
    const states = this.begin()
    while (!reader.isAtEnd) this.readField(reader, states)
    return this.end(states)
  }

  encode(value: In): Buffer {
    const encoded = this.prepare(value)
    const bytes = Buffer.allocUnsafe(encoded.byteLength)
    encoded.copy(bytes, 0)
    return bytes
  }

  /** A message that is written when there is a place for it: a large one is not copied once more. */
  prepare(value: In): Encoded {
    return {
      byteLength: this.size(value),
      copy: (target, at) => this.#write(new Writer(target, at), value),
    }
  }

  begin(): unknown[] {
    return this.#ordered.map(({ field }) => field.begin())
  }

  readField(reader: Reader, states: unknown[]): void {
    const { number, wire } = reader.tag()
    const place = this.#placeOf.get(number)
    const known = place === undefined ? undefined : this.#ordered[place]
    if (place === undefined || known === undefined) return reader.skip(wire)
    states[place] = known.field.read(reader, wire, states[place])
    for (const other of this.#others[place] ?? []) states[other] = undefined
  }

  end(states: readonly unknown[]): Out {
    const entries = this.#ordered.map(({ key, field }, place) => [key, field.end(states[place])] as const)
    // Outward<F> says of each field what its end() gives.
    return Object.fromEntries(entries) as Out
  }

  size(value: In): number {
    // Inward<F> says of each field what it takes.
    const values = value as Readonly<Record<string, never>>
    let size = 0
    for (const { key, field } of this.#ordered) {
      const given = values[key]
      if (given !== undefined) size += field.size(given)
    }
    return size
  }

  writeSized(writer: Writer, value: In): void {
    writer.varint32(this.size(value))
    this.#write(writer, value)
  }

  #write(writer: Writer, value: In): void {
    const values = value as Readonly<Record<string, never>>
    for (const { key, field } of this.#ordered) {
      const given = values[key]
      if (given !== undefined) field.write(writer, given)
    }
  }
}

/** A message, of the package of the service that uses it where it has no home of its own. */
export function message<F extends Fields>(
  name: string,
  fields: F,
  home?: Home,
): Message<Inward<F>, Outward<F>> {
  return new Message(name, fields, home)
}
