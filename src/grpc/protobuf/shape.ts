import type { Enumeration } from './kinds.ts'
import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'

/** A .proto file and its package. */
export interface Home {
  readonly file: string
  readonly package: string
}

/** What a descriptor tells of a field. */
export interface Shape {
  readonly type: number
  readonly label: 'one' | 'optional' | 'repeated'
  readonly message?: MessageShape
  readonly enumeration?: Enumeration
  /** The kind of the values, where the field is a map with texts as keys. */
  readonly mapOf?: Shape
  readonly oneof?: string
}

/** What a descriptor tells of a message. */
export interface MessageShape {
  /** Within its package, with the messages around it before it: `ModelInferRequest.InferInputTensor`. */
  readonly name: string
  /** Where it is not declared beside the service that uses it. */
  readonly home: Home | undefined
  readonly fields: Readonly<Record<string, { readonly number: number; readonly shape: Shape }>>
}

/**
 * One field of a message. What a reader has of it so far is its state: it begins, takes what comes, and ends as the
 * value. `size` and `write` include the tag, and are nothing for a value that is the default.
 */
export interface Field<In, Out> {
  readonly number: number
  readonly shape: Shape
  begin(): unknown
  read(reader: Reader, wire: number, state: unknown): unknown
  end(state: unknown): Out
  size(value: In): number
  write(writer: Writer, value: In): void
}

/** A message inside of another: its states are those of its fields. */
export interface Codec<In, Out> extends MessageShape {
  begin(): unknown[]
  /** Reads the next field into the states; one that is not known is skipped. */
  readField(reader: Reader, states: unknown[]): void
  end(states: readonly unknown[]): Out
  size(value: In): number
  /** Writes it with its length before it. */
  writeSized(writer: Writer, value: In): void
}
