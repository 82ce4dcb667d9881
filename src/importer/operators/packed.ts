import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype } from '../dtypes.ts'
import { cast, reduce, sizeAt, sliceAxis, transpose } from '../emit.ts'
import { refuse } from '../refusal.ts'
import { Ref } from '../ref.ts'
import { addInts, lessThan, sameInt, show, subInts, type Int } from '../sym.ts'
import type { Tensor } from '../tensor.ts'
import { Tuple, type Value } from '../values.ts'

/** A packed sequence is never built: the padded one and its lengths travel instead. */
export interface Packed {
  /** [time, batch, features]. */
  readonly padded: Ref
  /** int64 [batch]. */
  readonly lengths: Ref
  readonly longest: Int
}

const sequences = new WeakMap<Tensor, Packed>()
const batchSizes = new WeakMap<Tensor, Packed>()

const WHY = 'the elements of a packed sequence are used by something other than a recurrent network'

export function packedSequence(data: Tensor): Packed {
  return sequences.get(data) ?? refuse('a packed sequence is used that pack_padded_sequence did not make')
}

/** The `data` of a PackedSequence. */
export function packedData(c: Context, packed: Packed): Tensor {
  const { padded, lengths } = packed
  const total = c.g.dataInt(reduce(c, 'ReduceSum', lengths, { axes: [0], keep: false }))
  const tensor = c.tensor(new Ref(padded.dtype, [total, sizeAt(padded, 2)], { kind: 'unreadable', why: WHY }))
  tensor.locked = WHY
  sequences.set(tensor, packed)
  return tensor
}

/** How many sequences there are: the first of the batch sizes, as every sequence has a step. */
export function rowsOfPacked(sizes: Tensor): Int | undefined {
  const packed = batchSizes.get(sizes)
  return packed === undefined ? undefined : sizeAt(packed.lengths, 0)
}

function pack(c: Context, a: Arguments): Value {
  const input = a.ref('input')
  const lengths = cast(c, a.ref('lengths'), dtype.int64)
  if (input.rank !== 3) return refuse('it is supported for [batch, time, features] only')
  const padded = a.bool('batch_first') ? transpose(c, input, [1, 0, 2]) : input
  const longest = c.g.dataInt(reduce(c, 'ReduceMax', lengths, { axes: [0], keep: false }))
  const packed = { padded, lengths, longest }
  const sizes = c.tensor(new Ref(dtype.int64, [longest], { kind: 'unreadable', why: WHY }))
  sizes.locked = WHY
  batchSizes.set(sizes, packed)
  return new Tuple([packedData(c, packed), sizes])
}

function unpack(c: Context, a: Arguments): readonly Ref[] {
  const { padded, lengths, longest } = packedSequence(a.tensor('data'))
  a.ignore('batch_sizes')
  if (a.float('padding_value') !== 0) return refuse('it is supported with a padding of 0 only')
  const cut = sliceAxis(c, padded, 0, { start: 0n, end: longest, size: longest })
  const output = padTo(c, cut, a.int('total_length'))
  return [a.bool('batch_first') ? transpose(c, output, [1, 0, 2]) : output, lengths]
}

function padTo(c: Context, ref: Ref, total: Int): Ref {
  const size = sizeAt(ref, 0)
  // -1 or 0 ask for no more than the longest.
  if (sameInt(size, total) || lessThan(total, 1n) === true) return ref
  if (typeof total !== 'bigint') return refuse(`its total_length ${show(total)} must be known`)
  const missing = subInts(total, size)
  const shape = [addInts(size, missing), ...ref.shape.slice(1)]
  const zero = c.g.scalar(ref.dtype, 0)
  return c.op('Pad', [ref, c.g.ints([0n, 0n, 0n, missing, 0n, 0n]), zero], { dtype: ref.dtype, shape })
}

export const packing = { _pack_padded_sequence: pack, _pad_packed_sequence: unpack }
