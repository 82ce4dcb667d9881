import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype } from '../dtypes.ts'
import {
  cast,
  concat,
  numberRef,
  operand,
  reshape,
  sizeAt,
  sliceAxis,
  staticSize,
  toRef,
  transpose,
  unsqueeze,
} from '../emit.ts'
import type { Operator, Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import { addInts, exactQuotient, floorDivInts, mulInts, product, subInts, type Int } from '../sym.ts'
import { type Value } from '../values.ts'

const MODES: Readonly<Record<string, string>> = {
  constant: 'constant',
  reflect: 'reflect',
  replicate: 'edge',
  circular: 'wrap',
}

function pad(c: Context, a: Arguments): Ref {
  const mode = MODES[a.text('mode')] ?? refuse(`its mode ${a.text('mode')} is not known`)
  const value = a.value('value')
  return padded(c, a.ref('self'), a.ints('pad'), { mode, value })
}

/** `pads` holds begin and end per axis, from the last axis forward; below zero cuts. */
export function padded(
  c: Context,
  ref: Ref,
  pads: readonly Int[],
  { mode, value }: { mode: string; value: Value },
): Ref {
  if (pads.length % 2 !== 0 || pads.length / 2 > ref.rank)
    return refuse('its padding does not fit its tensor')
  const begins: Int[] = ref.shape.map(() => 0n)
  const ends: Int[] = ref.shape.map(() => 0n)
  for (let index = 0; index < pads.length; index += 2) {
    const axis = ref.rank - 1 - index / 2
    begins[axis] = pads[index] ?? 0n
    ends[axis] = pads[index + 1] ?? 0n
  }
  const shape = ref.shape.map((size, axis) => addInts(size, addInts(begins[axis] ?? 0n, ends[axis] ?? 0n)))
  if (pads.every(each => each === 0n)) return ref
  if (ref.dtype === dtype.bool) {
    const bytes = padded(c, cast(c, ref, dtype.int32), pads, { mode, value })
    return cast(c, bytes, dtype.bool)
  }
  const fillValue =
    value === null ? numberRef(c, ref.dtype, 0n) : toRef(c, operand(value, 'value'), ref.dtype)
  const inputs = [ref, c.g.ints([...begins, ...ends]), mode === 'constant' ? fillValue : undefined]
  return c.op('Pad', inputs, { dtype: ref.dtype, shape }, { mode: { string: mode } })
}

const padMode =
  (mode: string): Operator =>
  (c, a) =>
    padded(c, a.ref('self'), a.ints('padding'), { mode, value: null })

function pixelShuffle(c: Context, a: Arguments): Ref {
  const [ref, factor] = [a.ref('self'), BigInt(a.number('upscale_factor'))]
  const lead = ref.shape.slice(0, -3)
  const [channels, height, width] = [
    sizeAt(ref, ref.rank - 3),
    sizeAt(ref, ref.rank - 2),
    sizeAt(ref, ref.rank - 1),
  ]
  const fewer = exactQuotient(channels, factor * factor) ?? refuse('its channels do not divide')
  const parts = reshape(c, ref, [product(lead), fewer, factor, factor, height, width])
  return reshape(c, transpose(c, parts, [0, 1, 4, 2, 5, 3]), [
    ...lead,
    fewer,
    mulInts(height, factor),
    mulInts(width, factor),
  ])
}

function pixelUnshuffle(c: Context, a: Arguments): Ref {
  const [ref, factor] = [a.ref('self'), BigInt(a.number('downscale_factor'))]
  const lead = ref.shape.slice(0, -3)
  const channels = sizeAt(ref, ref.rank - 3)
  const [height, width] = [ref.rank - 2, ref.rank - 1].map(
    axis => exactQuotient(sizeAt(ref, axis), factor) ?? refuse('its size does not divide'),
  )
  if (height === undefined || width === undefined) return refuse('its size does not divide')
  const parts = reshape(c, ref, [product(lead), channels, height, factor, width, factor])
  return reshape(c, transpose(c, parts, [0, 1, 3, 5, 2, 4]), [
    ...lead,
    mulInts(channels, factor * factor),
    height,
    width,
  ])
}

function channelShuffle(c: Context, a: Arguments): Ref {
  const [ref, groups] = [a.ref('self'), BigInt(a.number('groups'))]
  const each = exactQuotient(sizeAt(ref, 1), groups) ?? refuse('its channels do not divide')
  const rest = ref.shape.slice(2)
  const parts = reshape(c, ref, [sizeAt(ref, 0), groups, each, ...rest])
  return reshape(c, transpose(c, parts, [0, 2, 1, ...rest.map((_, axis) => axis + 3)]), ref.shape)
}

/** Windows of `size` every `step` along an axis; the window becomes the last axis. */
function unfold(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  const axis = a.axis('dimension', ref.rank)
  const [size, step] = [BigInt(a.number('size')), BigInt(a.number('step'))]
  const count = addInts(floorDivInts(subInts(sizeAt(ref, axis), size), step), 1n)
  const places = Array.from({ length: Number(size) }, (_, offset) => {
    const end = addInts(mulInts(subInts(count, 1n), step), BigInt(offset) + 1n)
    return unsqueeze(c, sliceAxis(c, ref, axis, { start: BigInt(offset), end, step, size: count }), [
      ref.rank,
    ])
  })
  return concat(c, places, ref.rank, size)
}

function diagonal(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  const [x, y, offset] = [a.axis('dim1', ref.rank), a.axis('dim2', ref.rank), a.number('offset')]
  const [rows, columns] = [staticSize(ref, x), staticSize(ref, y)]
  const order = [...ref.shape.map((_, axis) => axis).filter(axis => axis !== x && axis !== y), x, y]
  const moved = transpose(c, ref, order)
  const count = Math.max(offset >= 0 ? Math.min(rows, columns - offset) : Math.min(rows + offset, columns), 0)
  const lead = moved.shape.slice(0, -2)
  const flat = reshape(c, moved, [...lead, BigInt(rows * columns)])
  const indices = Array.from({ length: count }, (_, index) =>
    BigInt((index + Math.max(-offset, 0)) * columns + index + Math.max(offset, 0)),
  )
  return c.op(
    'Gather',
    [flat, c.g.ints(indices)],
    { dtype: ref.dtype, shape: [...lead, BigInt(count)] },
    { axis: { int: lead.length } },
  )
}

function diagonalOf(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  const offset = a.number('diagonal')
  if (ref.rank !== 2 || offset !== 0) return refuse('it is supported for the main diagonal of a matrix only')
  const size = BigInt(Math.min(staticSize(ref, 0), staticSize(ref, 1)))
  const columns = BigInt(staticSize(ref, 1))
  const flat = reshape(c, ref, [product(ref.shape)])
  const indices = Array.from({ length: Number(size) }, (_, index) => BigInt(index) * (columns + 1n))
  return c.op('Gather', [flat, c.g.ints(indices)], { dtype: ref.dtype, shape: [size] }, { axis: { int: 0 } })
}

/** Padding, and elements in another order. */
export const rearranging: Operators = {
  pad,
  constant_pad_nd: (c, a) =>
    padded(c, a.ref('self'), a.ints('pad'), { mode: 'constant', value: a.value('value') }),
  reflection_pad1d: padMode('reflect'),
  reflection_pad2d: padMode('reflect'),
  reflection_pad3d: padMode('reflect'),
  replication_pad1d: padMode('edge'),
  replication_pad2d: padMode('edge'),
  replication_pad3d: padMode('edge'),
  pixel_shuffle: pixelShuffle,
  pixel_unshuffle: pixelUnshuffle,
  channel_shuffle: channelShuffle,
  native_channel_shuffle: channelShuffle,
  unfold,
  diagonal,
  diag: diagonalOf,
}
