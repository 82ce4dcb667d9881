import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype, isFloating } from '../dtypes.ts'
import { cast, elementwise, reduce, reshape, sizeAt, staticSize, unsqueeze } from '../emit.ts'
import type { Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import { product } from '../sym.ts'
import { lpNorm } from './normalisation.ts'
import { add, number } from './pointwise.ts'
import { typeArgument } from './queries.ts'
import { promoted } from './arithmetic.ts'

function cumulativeSum(c: Context, a: Arguments): Ref {
  const self = a.ref('self')
  const ref = cast(c, self, typeArgument(a, isFloating(self.dtype) ? self.dtype : dtype.int64))
  if (ref.rank === 0) return ref
  return c.op('CumSum', [ref, c.g.scalar(dtype.int64, BigInt(a.axis('dim', ref.rank)))], {
    dtype: ref.dtype,
    shape: ref.shape,
  })
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
    return c.op('Slice', [ref, c.g.ints([at]), c.g.ints([at + 1]), c.g.ints([axis])], {
      dtype: ref.dtype,
      shape,
    })
  })
  const products: Ref[] = []
  for (const slice of slices)
    products.push(products.length === 0 ? slice : elementwise(c, 'Mul', [products.at(-1) ?? slice, slice]))
  return products.length === 1
    ? (products[0] ?? ref)
    : c.op('Concat', products, { dtype: ref.dtype, shape: ref.shape }, { axis: { int: axis } })
}

function topk(c: Context, a: Arguments): readonly Ref[] {
  const ref = a.ref('self')
  a.ignore('sorted')
  return topRefs(c, ref, a.axis('dim', ref.rank), { count: a.int('k'), largest: a.bool('largest') })
}

/** ONNX's TopK gives the first place among equals, in order. */
export function topRefs(
  c: Context,
  ref: Ref,
  axis: number,
  { count, largest }: { count: Ref['shape'][number]; largest: boolean },
): readonly Ref[] {
  const narrow =
    ref.dtype === dtype.bool ||
    ref.dtype === dtype.uint8 ||
    ref.dtype === dtype.int8 ||
    ref.dtype === dtype.int16
  const input = narrow ? cast(c, ref, dtype.int32) : ref
  const shape = ref.shape.map((size, each) => (each === axis ? count : size))
  const [values, places] = c.g.ops(
    'TopK',
    [input, c.g.ints([count])],
    [
      { dtype: input.dtype, shape },
      { dtype: dtype.int64, shape },
    ],
    { axis: { int: axis }, largest: { int: largest ? 1 : 0 }, sorted: { int: 1 } },
  )
  return values === undefined || places === undefined
    ? refuse('it has no result')
    : [cast(c, values, ref.dtype), places]
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

function kth(
  c: Context,
  ref: Ref,
  axis: number,
  { place, keep }: { place: number; keep: boolean },
): readonly Ref[] {
  const sorted = topRefs(c, ref, axis, { count: sizeAt(ref, axis), largest: false })
  const index = keep ? c.g.ints([place]) : c.g.scalar(dtype.int64, BigInt(place))
  const shape = keep
    ? ref.shape.map((size, each) => (each === axis ? 1n : size))
    : ref.shape.filter((_, each) => each !== axis)
  return sorted.map(each =>
    c.op('Gather', [each, index], { dtype: each.dtype, shape }, { axis: { int: axis } }),
  )
}

function kthValue(c: Context, a: Arguments): readonly Ref[] {
  const ref = a.ref('self')
  return kth(c, ref, a.axis('dim', ref.rank), { place: a.number('k') - 1, keep: a.bool('keepdim') })
}

/** x1 . x2 / (max(|x1|, eps) * max(|x2|, eps)). */
function cosineSimilarity(c: Context, a: Arguments): Ref {
  const [x, y] = promoted(c, a, ['x1', 'x2'])
  const rank = Math.max(x.rank, y.rank)
  const axes = [a.axis('dim', rank)]
  const [left, right] = [x, y].map(ref =>
    ref.rank < rank
      ? reshape(c, ref, [...Array.from({ length: rank - ref.rank }, () => 1n), ...ref.shape])
      : ref,
  )
  if (left === undefined || right === undefined) return refuse('an argument is missing')
  const length = (ref: Ref) =>
    elementwise(c, 'Max', [lpNorm(c, ref, 2, { axes, keep: true }), number(c, ref, a.float('eps'))])
  const scaled = [left, right].map(ref => elementwise(c, 'Div', [ref, length(ref)]))
  return reduce(c, 'ReduceSum', elementwise(c, 'Mul', scaled), { axes, keep: false })
}

function pairwiseDistance(c: Context, a: Arguments): Ref {
  const [x, y] = promoted(c, a, ['x1', 'x2'])
  const difference = add(c, elementwise(c, 'Sub', [x, y]), a.float('eps'))
  return lpNorm(c, difference, a.float('p'), { axes: [difference.rank - 1], keep: a.bool('keepdim') })
}

function distances(c: Context, a: Arguments): Ref {
  const [x, y] = [a.ref('x1'), a.ref('x2')]
  a.ignore('compute_mode')
  const difference = elementwise(c, 'Sub', [unsqueeze(c, x, [x.rank - 1]), unsqueeze(c, y, [y.rank - 2])])
  return lpNorm(c, difference, a.float('p'), { axes: [difference.rank - 1], keep: false })
}

function distance(c: Context, a: Arguments): Ref {
  const [x, y] = promoted(c, a)
  return lpNorm(c, elementwise(c, 'Sub', [x, y]), a.float('p'), { axes: undefined, keep: false })
}

/** Orders, running totals and distances. */
export const orders: Operators = {
  cumsum: cumulativeSum,
  cumprod: cumulativeProduct,
  topk,
  sort,
  argsort,
  median,
  kthvalue: kthValue,
  cosine_similarity: cosineSimilarity,
  pairwise_distance: pairwiseDistance,
  cdist: distances,
  dist: distance,
}
