import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype, isFloating } from '../dtypes.ts'
import { cast, elementwise, reduce, reshape, type Over } from '../emit.ts'
import type { Operator, Operators } from '../operator.ts'
import type { Ref } from '../ref.ts'
import { product } from '../sym.ts'
import { promoted } from './arithmetic.ts'
import { number, where } from './pointwise.ts'

/** One where a number is none, to be reduced. */
export function missingMarks(c: Context, ref: Ref): Ref {
  return cast(c, c.op('IsNaN', [ref], { dtype: dtype.bool, shape: ref.shape }), dtype.uint8)
}

/** Whether anything along the axes is no number. */
export function anyMissing(c: Context, ref: Ref, over: Over): Ref {
  return cast(c, reduce(c, 'ReduceMax', missingMarks(c, ref), over), dtype.bool)
}

/** ReduceMax or ReduceMin as in PyTorch: not-a-number is the answer wherever there is one, which ONNX Runtime skips. */
export function extremeRef(c: Context, type: 'ReduceMax' | 'ReduceMin', ref: Ref, over: Over): Ref {
  const result = reduce(c, type, ref, over)
  if (!isFloating(ref.dtype) || ref.rank === 0) return result
  return where(c, anyMissing(c, ref, over), number(c, ref, Number.NaN), result)
}

/** The place of the largest or smallest: the first of several, and the first that is no number before all others. */
function extremePlace(c: Context, ref: Ref, axis: number, { largest, keep }: Extreme): Ref {
  if (ref.rank === 0) return c.g.scalar(dtype.int64, 0n)
  const place = placeRef(c, largest ? 'ArgMax' : 'ArgMin', ref, { axis, keep })
  if (!isFloating(ref.dtype)) return place
  return where(c, anyMissing(c, ref, { axes: [axis], keep }), missingPlace(c, ref, axis, keep), place)
}

interface Extreme {
  readonly largest: boolean
  readonly keep: boolean
}

/** The first place along the axis that is no number; 0 where all are. */
export function missingPlace(c: Context, ref: Ref, axis: number, keep: boolean): Ref {
  return placeRef(c, 'ArgMax', missingMarks(c, ref), { axis, keep })
}

function placeRef(c: Context, type: string, ref: Ref, { axis, keep }: { axis: number; keep: boolean }): Ref {
  const shape = keep
    ? ref.shape.map((size, each) => (each === axis ? 1n : size))
    : ref.shape.filter((_, each) => each !== axis)
  const attributes = { axis: { int: axis }, keepdims: { int: keep ? 1 : 0 } }
  return c.op(type, [ref], { dtype: dtype.int64, shape }, attributes)
}

/** Of all, along an axis with the places, or of two tensors. */
const extreme =
  (largest: boolean): Operator =>
  (c, a) => {
    if (a.has('other')) return elementwise(c, largest ? 'Max' : 'Min', promoted(c, a))
    const ref = a.ref('self')
    const type = largest ? 'ReduceMax' : 'ReduceMin'
    if (!a.has('dim')) return extremeRef(c, type, ref, { axes: undefined, keep: false })
    const [axis, keep] = [a.axis('dim', ref.rank), a.bool('keepdim')]
    return [extremeRef(c, type, ref, { axes: [axis], keep }), extremePlace(c, ref, axis, { largest, keep })]
  }

const place =
  (largest: boolean): Operator =>
  (c, a) => {
    const ref = a.ref('self')
    const keep = a.bool('keepdim')
    if (a.value('dim') !== null) return extremePlace(c, ref, a.axis('dim', ref.rank), { largest, keep })
    const flat = reshape(c, ref, [product(ref.shape)])
    const found = extremePlace(c, flat, 0, { largest, keep: false })
    return keep
      ? reshape(
          c,
          found,
          ref.shape.map(() => 1n),
        )
      : found
  }

const amount =
  (type: 'ReduceMax' | 'ReduceMin'): Operator =>
  (c, a) => {
    const ref = a.ref('self')
    return extremeRef(c, type, ref, { axes: a.axes('dim', ref.rank), keep: a.bool('keepdim') })
  }

function both(c: Context, a: Arguments): readonly Ref[] {
  const ref = a.ref('self')
  const over = {
    axes: a.value('dim') === null ? undefined : [a.axis('dim', ref.rank)],
    keep: a.bool('keepdim'),
  }
  return [extremeRef(c, 'ReduceMin', ref, over), extremeRef(c, 'ReduceMax', ref, over)]
}

/** Largest and smallest. */
export const extremes: Operators = {
  max: extreme(true),
  min: extreme(false),
  amax: amount('ReduceMax'),
  amin: amount('ReduceMin'),
  argmax: place(true),
  argmin: place(false),
  aminmax: both,
}
