import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype, isFloating } from '../dtypes.ts'
import { cast, concat, elementwise, sizeAt, sliceAxis, staticSize, toRef } from '../emit.ts'
import type { Operator, Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import { notRef, where } from './pointwise.ts'
import { typeArgument } from './queries.ts'

/** So many nodes are made of a running product or extreme: one step per place. */
const MAX_PLACES = 512

function total(c: Context, a: Arguments): Ref {
  const self = a.ref('self')
  const ref = cast(c, self, typeArgument(a, isFloating(self.dtype) ? self.dtype : dtype.int64))
  const axis = a.axis('dim', ref.rank)
  if (ref.rank === 0) return ref
  const inputs = [ref, c.g.scalar(dtype.int64, BigInt(axis))]
  return c.op('CumSum', inputs, { dtype: ref.dtype, shape: ref.shape })
}

function slicesOf(c: Context, ref: Ref, axis: number): Ref[] {
  const size = staticSize(ref, axis)
  if (size > MAX_PLACES) return refuse(`it is supported for up to ${MAX_PLACES} elements`)
  return Array.from({ length: size }, (_, at) => {
    const [start, end] = [BigInt(at), BigInt(at + 1)]
    return sliceAxis(c, ref, axis, { start, end, size: 1n })
  })
}

/** The logarithm would lose signs and zeros: one product per place. */
function product(c: Context, a: Arguments): Ref {
  const self = a.ref('self')
  const ref = cast(c, self, typeArgument(a, isFloating(self.dtype) ? self.dtype : dtype.int64))
  const axis = a.axis('dim', ref.rank)
  if (ref.rank === 0) return ref
  const products: Ref[] = []
  for (const slice of slicesOf(c, ref, axis)) {
    const before = products.at(-1)
    products.push(before === undefined ? slice : elementwise(c, 'Mul', [before, slice]))
  }
  return products.length === 0 ? ref : concat(c, products, axis, sizeAt(ref, axis))
}

/** The largest or smallest so far and its last place; from the first that is no number on, that one. */
const extreme =
  (comparison: 'GreaterOrEqual' | 'LessOrEqual'): Operator =>
  (c, a) => {
    const ref = a.ref('self')
    const axis = a.axis('dim', ref.rank)
    if (ref.rank === 0) return [ref, c.g.scalar(dtype.int64, 0n)]
    const [values, places]: [Ref[], Ref[]] = [[], []]
    slicesOf(c, ref, axis).forEach((slice, at) => {
      const [value, place] = [values.at(-1), places.at(-1)]
      const here = toRef(c, BigInt(at), dtype.int64)
      const isNew = value === undefined ? undefined : takesOver(c, comparison, slice, value)
      values.push(isNew === undefined || value === undefined ? slice : where(c, isNew, slice, value))
      places.push(isNew === undefined || place === undefined ? zeros(c, slice) : where(c, isNew, here, place))
    })
    if (values.length === 0) return [ref, cast(c, ref, dtype.int64)]
    return [values, places].map(parts => concat(c, parts, axis, sizeAt(ref, axis)))
  }

function takesOver(c: Context, comparison: string, slice: Ref, value: Ref): Ref {
  const [x, y] =
    slice.dtype === dtype.bool ? [slice, value].map(ref => cast(c, ref, dtype.int32)) : [slice, value]
  const reaches = elementwise(c, comparison, [x ?? slice, y ?? value], dtype.bool)
  if (!isFloating(slice.dtype)) return reaches
  const missing = (ref: Ref) => c.op('IsNaN', [ref], { dtype: dtype.bool, shape: ref.shape })
  const plain = elementwise(c, 'And', [reaches, notRef(c, missing(value))], dtype.bool)
  return elementwise(c, 'Or', [missing(slice), plain], dtype.bool)
}

function zeros(c: Context, like: Ref): Ref {
  return c.op('Expand', [c.g.scalar(dtype.int64, 0n), c.g.ints(like.shape)], {
    dtype: dtype.int64,
    shape: like.shape,
  })
}

/** Running totals, products and extremes. */
export const running: Operators = {
  cumsum: total,
  cumprod: product,
  cummax: extreme('GreaterOrEqual'),
  cummin: extreme('LessOrEqual'),
}
