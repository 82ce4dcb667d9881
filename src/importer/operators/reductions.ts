import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype, factsOf, isFloating, type Dtype } from '../dtypes.ts'
import { cast, elementwise, numberRef, reduce, type Over, reshape, sizeAt } from '../emit.ts'
import type { Operator, Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import { product, Sym } from '../sym.ts'
import { lpNorm } from './normalisation.ts'
import { add, div, number, toFloating, unary, where } from './pointwise.ts'
import { typeArgument } from './queries.ts'
import { promoted } from './arithmetic.ts'

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

/** Largest or smallest: of all, along an axis with their places, or of two tensors. */
const extreme =
  (largest: boolean): Operator =>
  (c, a) => {
    const type = largest ? 'ReduceMax' : 'ReduceMin'
    if (a.has('other')) {
      const [x, y] = promoted(c, a)
      return elementwise(c, largest ? 'Max' : 'Min', [x, y])
    }
    const ref = a.ref('self')
    if (!a.has('dim')) return extremeRef(c, type, ref, { axes: undefined, keep: false })
    const [axis, keep] = [a.axis('dim', ref.rank), a.bool('keepdim')]
    return [extremeRef(c, type, ref, { axes: [axis], keep }), argExtreme(c, ref, axis, { largest, keep })]
  }

function extremeRef(c: Context, type: string, ref: Ref, { axes, keep }: Over): Ref {
  if (ref.dtype !== dtype.bool) return reduce(c, type, ref, { axes, keep })
  return cast(c, reduce(c, type, cast(c, ref, dtype.int32), { axes, keep }), dtype.bool)
}

function argExtreme(
  c: Context,
  given: Ref,
  axis: number,
  { largest, keep }: { largest: boolean; keep: boolean },
): Ref {
  const ref = given.dtype === dtype.bool ? cast(c, given, dtype.int32) : given
  if (ref.rank === 0) return c.g.scalar(dtype.int64, 0n)
  const shape = keep
    ? ref.shape.map((size, each) => (each === axis ? 1n : size))
    : ref.shape.filter((_, each) => each !== axis)
  return c.op(
    largest ? 'ArgMax' : 'ArgMin',
    [ref],
    { dtype: dtype.int64, shape },
    { axis: { int: axis }, keepdims: { int: keep ? 1 : 0 } },
  )
}

const argument =
  (largest: boolean): Operator =>
  (c, a) => {
    const ref = a.ref('self')
    const flat = a.value('dim') === null
    const keep = a.bool('keepdim')
    if (!flat) return argExtreme(c, ref, a.axis('dim', ref.rank), { largest, keep })
    const place = argExtreme(c, reshape(c, ref, [product(ref.shape)]), 0, { largest, keep: false })
    return keep
      ? reshape(
          c,
          place,
          ref.shape.map(() => 1n),
        )
      : place
  }

const amount =
  (type: string): Operator =>
  (c, a) =>
    extremeRef(c, type, a.ref('self'), { axes: axesOf(a, a.ref('self')), keep: keepOf(a) })

/** any and all: truth values as numbers. */
const truth =
  (type: string): Operator =>
  (c, a) => {
    const ref = cast(c, cast(c, a.ref('self'), dtype.bool), dtype.int32)
    return cast(c, reduce(c, type, ref, { axes: axesOf(a, ref), keep: keepOf(a) }), dtype.bool)
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
    if (ref.rank === 0) return type === 'Softmax' ? number(c, ref, 1) : number(c, ref, 0)
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
  max: extreme(true),
  min: extreme(false),
  amax: amount('ReduceMax'),
  amin: amount('ReduceMin'),
  argmax: argument(true),
  argmin: argument(false),
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
