import type { Scalar } from './kinds.ts'
import { malformed, type Reader } from './reader.ts'

export type Numbers =
  Uint8Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array | Float32Array | Float64Array

type NumberKind<T, A> = Scalar<T> & { readonly array: new (length: number) => A }

/** Numbers of one field as they come in: runs of packed ones, or one at a time, however many. */
export class NumberList<T, A extends Numbers> {
  readonly #kind: NumberKind<T, A>
  #values: A
  #length = 0

  constructor(kind: NumberKind<T, A>) {
    this.#kind = kind
    this.#values = new kind.array(0)
  }

  read(reader: Reader, isPacked: boolean): void {
    if (isPacked) return reader.inside(() => this.#readRun(reader))
    this.#reserve(1)
    this.#add(this.#kind.read(reader))
  }

  toArray(): A {
    return this.#values.length === this.#length
      ? this.#values
      : // A part of an array is an array of its kind; the compiler sees a union.
        (this.#values.subarray(0, this.#length) as A)
  }

  /** Reads to the end of the run. */
  #readRun(reader: Reader): void {
    const { wire } = this.#kind
    if (wire === 0) {
      this.#reserve(reader.countVarints())
      while (!reader.isAtEnd) this.#add(this.#kind.read(reader))
      return
    }
    const width = this.#values.BYTES_PER_ELEMENT
    const size = reader.left
    if (size % width !== 0) throw malformed('a list of numbers ends in the middle of one')
    this.#reserve(size / width)
    // Little-endian on the wire, and on every machine that ONNX Runtime has a build for.
    const target = new Uint8Array(this.#values.buffer, this.#length * width, size)
    target.set(reader.fixed(size))
    this.#length += size / width
  }

  #add(value: T): void {
    const values: { [index: number]: unknown } = this.#values
    values[this.#length++] = value
  }

  /** A run takes exactly what it needs; one at a time doubles. */
  #reserve(count: number): void {
    const needed = this.#length + count
    if (needed <= this.#values.length) return
    const larger = new this.#kind.array(count === 1 ? Math.max(needed, this.#length * 2) : needed)
    // Both are of the one kind; the compiler sees a union of arrays.
    ;(larger as Float32Array).set(this.#values as Float32Array)
    this.#values = larger
  }
}
