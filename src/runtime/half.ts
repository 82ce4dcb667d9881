/** float16 as Sconce's tensors keep it, bits in a Uint16Array, to and from numbers. */

/** Rounds to the nearest float16; what is beyond 65504 becomes infinite. */
export function toHalf(values: Iterable<number>): Uint16Array {
  return new Uint16Array(Float16Array.from(values).buffer)
}

/** Exact: every float16 is a float32. */
export function fromHalf(bits: Uint16Array): Float32Array {
  return Float32Array.from(new Float16Array(bits.buffer, bits.byteOffset, bits.length))
}
