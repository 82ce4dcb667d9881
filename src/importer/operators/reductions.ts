import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype, factsOf, isFloating, type Dtype } from '../dtypes.ts'
import { cast, elementwise, numberRef, reduce, sizeAt } from '../emit.ts'
import type { Operator, Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import { product, Sym } from '../sym.ts'
import { lpNorm } from './normalisation.ts'
import { add, div, number, sub, toFloating, unary, where } from './pointwise.ts'
import { typeArgument } from './queries.ts'

function axesOf(a: Arguments, ref: Ref): number[] | undefined {
  return a.has('dim') ? a.axes('dim', ref.rank) : undefined
}

const keepOf = (a: Arguments): boolean => a.has('keepdim') && a.bool('keepdim')

/** How many elements a reduction takes together, as a number or a tensor. */
export function countOf(c: Context, ref: Ref, axes: readonly number[] | undefined, type: Dtype): Ref {
  const sizes = (axes ?? ref.shape.map((_, axis) => axis)).map(axis => sizeAt(ref, axis))
  const count = product(ref.rank === 0 ? [] : sizes)
  return count instanceof Sym ? cast(c, c.g.scalar(dtype.int64, count), type) : numberRef(c, type, count)
}

function sum(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  const type = typeArgument(a, isFloating(ref.dtype) ? ref.dtype : dtype.int64)
  return reduce(c, 'ReduceSum', cast(c, ref, type), { axes: axesOf(a, ref), keep: keepOf(a) })
}

function nanSum(c: Context, a: Arguments): Ref {
  const ref = toFloating(c, a.ref('self'))
  const missing = c.op('IsNaN', [ref], { dtype: dtype.bool, shape: ref.shape })
  const clean = where(c, missing, number(c, ref, 0), ref)
  return reduce(c, 'ReduceSum', cast(c, clean, typeArgument(a, ref.dtype)), {
    axes: axesOf(a, ref),
    keep: keepOf(a),
  })
}

function mean(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  const type = typeArgument(a, ref.dtype)
  if (!isFloating(type)) return refuse(`the mean of ${factsOf(type).name} is not defined`)
  return reduce(c, 'ReduceMean', cast(c, ref, type), { axes: axesOf(a, ref), keep: keepOf(a) })
}

function prod(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  const type = typeArgument(a, isFloating(ref.dtype) ? ref.dtype : dtype.int64)
  return reduce(c, 'ReduceProd', cast(c, ref, type), { axes: axesOf(a, ref), keep: keepOf(a) })
}

/** any and all: truth values as numbers, of which no elements give the least or the greatest there is. */
const truth =
  (type: string): Operator =>
  (c, a) => {
    const self = a.ref('self')
    const ref = cast(c, cast(c, self, dtype.bool), dtype.int32)
    const extreme = reduce(c, type, ref, { axes: axesOf(a, ref), keep: keepOf(a) })
    const result = elementwise(c, 'Greater', [extreme, c.g.scalar(dtype.int32, 0n)], dtype.bool)
    // PyTorch answers bytes for bytes, and truth values for all else.
    return cast(c, result, self.dtype === dtype.uint8 ? dtype.uint8 : dtype.bool)
  }

/** Variance with what is taken off the count: `correction`, or 1 where `unbiased`. */
function variance(c: Context, a: Arguments): { variance: Ref; mean: Ref } {
  const ref = toFloating(c, a.ref('self'))
  const axes = axesOf(a, ref)
  const keep = keepOf(a)
  const correction = a.has('correction') ? (a.optionalFloat('correction') ?? 1) : a.bool('unbiased') ? 1 : 0
  const average = reduce(c, 'ReduceMean', ref, { axes, keep: true })
  const centred = elementwise(c, 'Sub', [ref, ref.rank === 0 ? ref : average])
  const squares = reduce(c, 'ReduceSum', elementwise(c, 'Mul', [centred, centred]), { axes, keep })
  const count = countOf(c, ref, axes, ref.dtype)
  const divisor = elementwise(c, 'Max', [add(c, count, -correction), number(c, ref, 0)])
  return { variance: div(c, squares, divisor), mean: reduce(c, 'ReduceMean', ref, { axes, keep }) }
}

function standardDeviation(c: Context, a: Arguments): Ref {
  return unary(c, 'Sqrt', variance(c, a).variance)
}

function norm(c: Context, a: Arguments): Ref {
  const ref = toFloating(c, a.ref('self'))
  const type = typeArgument(a, ref.dtype)
  const p = a.has('p') ? (a.optionalFloat('p') ?? 2) : a.has('ord') ? a.float('ord') : 2
  return lpNorm(c, cast(c, ref, type), p, { axes: axesOf(a, ref), keep: keepOf(a) })
}

function logSumExp(c: Context, a: Arguments): Ref {
  const ref = toFloating(c, a.ref('self'))
  return reduce(c, 'ReduceLogSumExp', ref, { axes: axesOf(a, ref), keep: keepOf(a) })
}

const softmaxOf =
  (type: string): Operator =>
  (c, a) => {
    const self = a.ref('self')
    const ref = cast(c, self, typeArgument(a, self.dtype))
    if (!isFloating(ref.dtype)) return refuse('it needs a floating-point tensor')
    const axis = a.axis('dim', ref.rank)
    // Of one number it is 1, or the logarithm 0, and nothing where the number is not finite.
    if (ref.rank === 0) return add(c, sub(c, ref, ref), type === 'Softmax' ? 1 : 0)
    return c.op(type, [ref], { dtype: ref.dtype, shape: ref.shape }, { axis: { int: axis } })
  }

function countNonZero(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  const some = cast(c, cast(c, ref, dtype.bool), dtype.int64)
  return reduce(c, 'ReduceSum', some, { axes: axesOf(a, ref), keep: false })
}

/** Reductions. */
export const reductions: Operators = {
  sum,
  nansum: nanSum,
  mean,
  prod,
  any: truth('ReduceMax'),
  all: truth('ReduceMin'),
  var: (c, a) => variance(c, a).variance,
  std: standardDeviation,
  var_mean: (c, a) => Object.values(variance(c, a)),
  std_mean: (c, a) => [unary(c, 'Sqrt', variance(c, a).variance), variance(c, a).mean],
  norm,
  linalg_vector_norm: norm,
  frobenius_norm: norm,
  logsumexp: logSumExp,
  softmax: softmaxOf('Softmax'),
  log_softmax: softmaxOf('LogSoftmax'),
  special_softmax: softmaxOf('Softmax'),
  special_log_softmax: softmaxOf('LogSoftmax'),
  count_nonzero: countNonZero,
}
