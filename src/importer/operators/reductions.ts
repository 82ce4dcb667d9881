import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype, factsOf, isFloating, type Dtype } from '../dtypes.ts'
import { cast, elementwise, numberRef, reduce, reshape, sizeAt, staticSize, unsqueeze } from '../emit.ts'
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
  return reduce(c, 'ReduceSum', cast(c, ref, type), axesOf(a, ref), keepOf(a))
}

function nanSum(c: Context, a: Arguments): Ref {
  const ref = toFloating(c, a.ref('self'))
  const missing = c.op('IsNaN', [ref], { dtype: dtype.bool, shape: ref.shape })
  const clean = where(c, missing, number(c, ref, 0), ref)
  return reduce(c, 'ReduceSum', cast(c, clean, typeArgument(a, ref.dtype)), axesOf(a, ref), keepOf(a))
}

function mean(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  const type = typeArgument(a, ref.dtype)
  if (!isFloating(type)) return refuse(`the mean of ${factsOf(type).name} is not defined`)
  return reduce(c, 'ReduceMean', cast(c, ref, type), axesOf(a, ref), keepOf(a))
}

function prod(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  const type = typeArgument(a, isFloating(ref.dtype) ? ref.dtype : dtype.int64)
  return reduce(c, 'ReduceProd', cast(c, ref, type), axesOf(a, ref), keepOf(a))
}

/** Largest or smallest: of all, along an axis with their places, or of two tensors. */
const extreme = (largest: boolean): Operator => (c, a) => {
  const type = largest ? 'ReduceMax' : 'ReduceMin'
  if (a.has('other')) {
    const [x, y] = promoted(c, a)
    return elementwise(c, largest ? 'Max' : 'Min', [x, y])
  }
  const ref = a.ref('self')
  if (!a.has('dim')) return extremeRef(c, type, ref, undefined, false)
  const [axis, keep] = [a.axis('dim', ref.rank), a.bool('keepdim')]
  return [extremeRef(c, type, ref, [axis], keep), argExtreme(c, ref, axis, { largest, keep })]
}

function extremeRef(c: Context, type: string, ref: Ref, axes: readonly number[] | undefined, keep: boolean): Ref {
  if (ref.dtype !== dtype.bool) return reduce(c, type, ref, axes, keep)
  return cast(c, reduce(c, type, cast(c, ref, dtype.int32), axes, keep), dtype.bool)
}

function argExtreme(c: Context, given: Ref, axis: number, { largest, keep }: { largest: boolean; keep: boolean }): Ref {
  const ref = given.dtype === dtype.bool ? cast(c, given, dtype.int32) : given
  if (ref.rank === 0) return c.g.scalar(dtype.int64, 0n)
  const shape = keep ? ref.shape.map((size, each) => (each === axis ? 1n : size)) : ref.shape.filter((_, each) => each !== axis)
  return c.op(largest ? 'ArgMax' : 'ArgMin', [ref], { dtype: dtype.int64, shape }, { axis: { int: axis }, keepdims: { int: keep ? 1 : 0 } })
}

const argument = (largest: boolean): Operator => (c, a) => {
  const ref = a.ref('self')
  const flat = a.value('dim') === null
  const keep = a.bool('keepdim')
  if (!flat) return argExtreme(c, ref, a.axis('dim', ref.rank), { largest, keep })
  const place = argExtreme(c, reshape(c, ref, [product(ref.shape)]), 0, { largest, keep: false })
  return keep ? reshape(c, place, ref.shape.map(() => 1n)) : place
}

const amount = (type: string): Operator => (c, a) => extremeRef(c, type, a.ref('self'), axesOf(a, a.ref('self')), keepOf(a))

/** any and all: truth values as numbers. */
const truth = (type: string): Operator => (c, a) => {
  const ref = cast(c, cast(c, a.ref('self'), dtype.bool), dtype.int32)
  return cast(c, reduce(c, type, ref, axesOf(a, ref), keepOf(a)), dtype.bool)
}

/** Variance with what is taken off the count: `correction`, or 1 where `unbiased`. */
function variance(c: Context, a: Arguments): { variance: Ref; mean: Ref } {
  const ref = toFloating(c, a.ref('self'))
  const axes = axesOf(a, ref)
  const keep = keepOf(a)
  const correction = a.has('correction') ? (a.optionalFloat('correction') ?? 1) : a.bool('unbiased') ? 1 : 0
  const average = reduce(c, 'ReduceMean', ref, axes, true)
  const centred = elementwise(c, 'Sub', [ref, ref.rank === 0 ? ref : average])
  const squares = reduce(c, 'ReduceSum', elementwise(c, 'Mul', [centred, centred]), axes, keep)
  const count = countOf(c, ref, axes, ref.dtype)
  const divisor = elementwise(c, 'Max', [add(c, count, -correction), number(c, ref, 0)])
  return { variance: div(c, squares, divisor), mean: reduce(c, 'ReduceMean', ref, axes, keep) }
}

function standardDeviation(c: Context, a: Arguments): Ref {
  return unary(c, 'Sqrt', variance(c, a).variance)
}

function norm(c: Context, a: Arguments): Ref {
  const ref = toFloating(c, a.ref('self'))
  const type = typeArgument(a, ref.dtype)
  const p = a.has('p') ? (a.optionalFloat('p') ?? 2) : a.has('ord') ? a.float('ord') : 2
  return lpNorm(c, cast(c, ref, type), p, axesOf(a, ref), keepOf(a))
}

function logSumExp(c: Context, a: Arguments): Ref {
  const ref = toFloating(c, a.ref('self'))
  return reduce(c, 'ReduceLogSumExp', ref, axesOf(a, ref), keepOf(a))
}

const softmaxOf = (type: string): Operator => (c, a) => {
  const self = a.ref('self')
  const ref = cast(c, self, typeArgument(a, self.dtype))
  if (!isFloating(ref.dtype)) return refuse('it needs a floating-point tensor')
  const axis = a.axis('dim', ref.rank)
  if (ref.rank === 0) return type === 'Softmax' ? number(c, ref, 1) : number(c, ref, 0)
  return c.op(type, [ref], { dtype: ref.dtype, shape: ref.shape }, { axis: { int: axis } })
}

function cumulativeSum(c: Context, a: Arguments): Ref {
  const self = a.ref('self')
  const ref = cast(c, self, typeArgument(a, isFloating(self.dtype) ? self.dtype : dtype.int64))
  if (ref.rank === 0) return ref
  return c.op('CumSum', [ref, c.g.scalar(dtype.int64, BigInt(a.axis('dim', ref.rank)))], { dtype: ref.dtype, shape: ref.shape })
}

/** The logarithm would lose signs and zeros: one product per place. */
function cumulativeProduct(c: Context, a: Arguments): Ref {
  const self = a.ref('self')
  const ref = cast(c, self, typeArgument(a, isFloating(self.dtype) ? self.dtype : dtype.int64))
  const axis = a.axis('dim', ref.rank)
  const size = staticSize(ref, axis)
  if (size > 512) return refuse('it is supported for up to 512 elements')
  const slices = Array.from({ length: size }, (_, at) => {
    const shape = ref.shape.map((old, each) => (each === axis ? 1n : old))
    return c.op('Slice', [ref, c.g.ints([at]), c.g.ints([at + 1]), c.g.ints([axis])], { dtype: ref.dtype, shape })
  })
  const products: Ref[] = []
  for (const slice of slices) products.push(products.length === 0 ? slice : elementwise(c, 'Mul', [products.at(-1) ?? slice, slice]))
  return products.length === 1 ? (products[0] ?? ref) : c.op('Concat', products, { dtype: ref.dtype, shape: ref.shape }, { axis: { int: axis } })
}

function topk(c: Context, a: Arguments): readonly Ref[] {
  const ref = a.ref('self')
  a.ignore('sorted')
  return topRefs(c, ref, a.axis('dim', ref.rank), { count: a.int('k'), largest: a.bool('largest') })
}

/** ONNX's TopK gives the first place among equals, in order. */
export function topRefs(c: Context, ref: Ref, axis: number, { count, largest }: { count: Ref['shape'][number]; largest: boolean }): readonly Ref[] {
  const narrow = ref.dtype === dtype.bool || ref.dtype === dtype.uint8 || ref.dtype === dtype.int8 || ref.dtype === dtype.int16
  const input = narrow ? cast(c, ref, dtype.int32) : ref
  const shape = ref.shape.map((size, each) => (each === axis ? count : size))
  const [values, places] = c.g.ops(
    'TopK',
    [input, c.g.ints([count])],
    [{ dtype: input.dtype, shape }, { dtype: dtype.int64, shape }],
    { axis: { int: axis }, largest: { int: largest ? 1 : 0 }, sorted: { int: 1 } },
  )
  return values === undefined || places === undefined ? refuse('it has no result') : [cast(c, values, ref.dtype), places]
}

function sort(c: Context, a: Arguments): readonly Ref[] {
  const ref = a.ref('self')
  a.ignore('stable')
  if (ref.rank === 0) return [ref, c.g.scalar(dtype.int64, 0n)]
  const axis = a.axis('dim', ref.rank)
  return topRefs(c, ref, axis, { count: sizeAt(ref, axis), largest: a.bool('descending') })
}

function argsort(c: Context, a: Arguments): Ref {
  return sort(c, a)[1] ?? refuse('it has no result')
}

/** The lower of the two in the middle. */
function median(c: Context, a: Arguments): Ref | readonly Ref[] {
  const self = a.ref('self')
  if (!a.has('dim')) {
    const flat = reshape(c, self, [product(self.shape)])
    return medianOf(c, flat, 0, false)[0] ?? refuse('it has no result')
  }
  return medianOf(c, self, a.axis('dim', self.rank), a.bool('keepdim'))
}

function medianOf(c: Context, ref: Ref, axis: number, keep: boolean): readonly Ref[] {
  const size = staticSize(ref, axis)
  return kth(c, ref, axis, { place: Math.floor((size - 1) / 2), keep })
}

function kth(c: Context, ref: Ref, axis: number, { place, keep }: { place: number; keep: boolean }): readonly Ref[] {
  const sorted = topRefs(c, ref, axis, { count: sizeAt(ref, axis), largest: false })
  const index = keep ? c.g.ints([place]) : c.g.scalar(dtype.int64, BigInt(place))
  const shape = keep ? ref.shape.map((size, each) => (each === axis ? 1n : size)) : ref.shape.filter((_, each) => each !== axis)
  return sorted.map(each => c.op('Gather', [each, index], { dtype: each.dtype, shape }, { axis: { int: axis } }))
}

function kthValue(c: Context, a: Arguments): readonly Ref[] {
  const ref = a.ref('self')
  return kth(c, ref, a.axis('dim', ref.rank), { place: a.number('k') - 1, keep: a.bool('keepdim') })
}

function countNonZero(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  const some = cast(c, cast(c, ref, dtype.bool), dtype.int64)
  return reduce(c, 'ReduceSum', some, axesOf(a, ref), false)
}

/** x1 . x2 / (max(|x1|, eps) * max(|x2|, eps)). */
function cosineSimilarity(c: Context, a: Arguments): Ref {
  const [x, y] = promoted(c, a, ['x1', 'x2'])
  const rank = Math.max(x.rank, y.rank)
  const axes = [a.axis('dim', rank)]
  const [left, right] = [x, y].map(ref => (ref.rank < rank ? reshape(c, ref, [...Array.from({ length: rank - ref.rank }, () => 1n), ...ref.shape]) : ref))
  if (left === undefined || right === undefined) return refuse('an argument is missing')
  const length = (ref: Ref) => elementwise(c, 'Max', [lpNorm(c, ref, 2, axes, true), number(c, ref, a.float('eps'))])
  const scaled = [left, right].map(ref => elementwise(c, 'Div', [ref, length(ref)]))
  return reduce(c, 'ReduceSum', elementwise(c, 'Mul', scaled), axes, false)
}

function pairwiseDistance(c: Context, a: Arguments): Ref {
  const [x, y] = promoted(c, a, ['x1', 'x2'])
  const difference = add(c, elementwise(c, 'Sub', [x, y]), a.float('eps'))
  return lpNorm(c, difference, a.float('p'), [difference.rank - 1], a.bool('keepdim'))
}

function distances(c: Context, a: Arguments): Ref {
  const [x, y] = [a.ref('x1'), a.ref('x2')]
  a.ignore('compute_mode')
  const difference = elementwise(c, 'Sub', [unsqueeze(c, x, [x.rank - 1]), unsqueeze(c, y, [y.rank - 2])])
  return lpNorm(c, difference, a.float('p'), [difference.rank - 1], false)
}

function distance(c: Context, a: Arguments): Ref {
  const [x, y] = promoted(c, a)
  return lpNorm(c, elementwise(c, 'Sub', [x, y]), a.float('p'), undefined, false)
}

/** Reductions, orders and distances. */
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
  cumsum: cumulativeSum,
  cumprod: cumulativeProduct,
  topk,
  sort,
  argsort,
  median,
  kthvalue: kthValue,
  count_nonzero: countNonZero,
  cosine_similarity: cosineSimilarity,
  pairwise_distance: pairwiseDistance,
  cdist: distances,
  dist: distance,
}
