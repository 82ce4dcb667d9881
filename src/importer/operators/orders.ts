import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype, isFloating } from '../dtypes.ts'
import { cast, elementwise, reduce, reshape, sizeAt, sliceAxis, unsqueeze } from '../emit.ts'
import type { Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import { addInts, floorDivInts, product, subInts, Sym, type Int } from '../sym.ts'
import { lpNorm } from './normalisation.ts'
import { anyMissing, missingPlace } from './extremes.ts'
import { add, number, where } from './pointwise.ts'
import { promoted } from './arithmetic.ts'

function topk(c: Context, a: Arguments): readonly Ref[] {
  const ref = a.ref('self')
  a.ignore('sorted')
  const [axis, count, largest] = [a.axis('dim', ref.rank), a.int('k'), a.bool('largest')]
  return ref.rank === 0 ? alone(c, ref) : topRefs(c, ref, axis, { count, largest })
}

/** A number in order: itself, at place 0. */
function alone(c: Context, ref: Ref): readonly Ref[] {
  return [ref, c.g.scalar(dtype.int64, 0n)]
}

interface Top {
  readonly count: Int
  readonly largest: boolean
}

/**
 * The largest or smallest in order, with their places. ONNX's TopK gives the first place among equals. What is no number
 * counts as infinity, so that it stands where PyTorch has it: above all numbers.
 */
export function topRefs(c: Context, given: Ref, axis: number, top: Top): readonly Ref[] {
  const floating = isFloating(given.dtype)
  const ref = given.dtype === dtype.bool ? cast(c, given, dtype.int32) : given
  const missing = () => c.op('IsNaN', [ref], { dtype: dtype.bool, shape: ref.shape })
  const keys = floating ? where(c, missing(), number(c, ref, Infinity), ref) : ref
  const [values, places] = topOfRows(c, keys, axis, top)
  if (values === undefined || places === undefined) return refuse('it has no result')
  if (!floating) return [cast(c, values, given.dtype), places]
  const kind = { dtype: ref.dtype, shape: places.shape }
  return [c.op('GatherElements', [ref, places], kind, { axis: { int: axis } }), places]
}

/** TopK of ONNX Runtime ends its process where there are no rows: where that may be, it gets one row more. */
function topOfRows(c: Context, keys: Ref, axis: number, { count, largest }: Top): readonly Ref[] {
  const open = keys.shape.flatMap((size, each) => (each !== axis && size instanceof Sym ? [each] : []))
  const more = open.reduce((ref, each) => oneMore(c, ref, each), keys)
  const shape = more.shape.map((size, each) => (each === axis ? count : size))
  const kinds = [
    { dtype: keys.dtype, shape },
    { dtype: dtype.int64, shape },
  ]
  const attributes = { axis: { int: axis }, largest: { int: largest ? 1 : 0 }, sorted: { int: 1 } }
  return c.g
    .ops('TopK', [more, c.g.ints([count])], kinds, attributes)
    .map(result => open.reduce((ref, each) => oneLess(c, ref, each, sizeAt(keys, each)), result))
}

function oneMore(c: Context, ref: Ref, axis: number): Ref {
  const pads = [...ref.shape.map(() => 0n), ...ref.shape.map((_, each) => (each === axis ? 1n : 0n))]
  const shape = ref.shape.map((size, each) => (each === axis ? addInts(size, 1n) : size))
  return c.op('Pad', [ref, c.g.ints(pads), number(c, ref, 0)], { dtype: ref.dtype, shape })
}

function oneLess(c: Context, ref: Ref, axis: number, size: Int): Ref {
  return sliceAxis(c, ref, axis, { start: 0n, end: size, size })
}

function sort(c: Context, a: Arguments): readonly Ref[] {
  const ref = a.ref('self')
  a.ignore('stable')
  const [axis, largest] = [a.axis('dim', ref.rank), a.bool('descending')]
  return ref.rank === 0 ? alone(c, ref) : topRefs(c, ref, axis, { count: sizeAt(ref, axis), largest })
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
  const [axis, keep] = [a.axis('dim', self.rank), a.bool('keepdim')]
  return self.rank === 0 ? alone(c, self) : medianOf(c, self, axis, keep)
}

/** Not-a-number is the median wherever there is one, at the first such place. */
function medianOf(c: Context, ref: Ref, axis: number, keep: boolean): readonly Ref[] {
  const place = floorDivInts(subInts(sizeAt(ref, axis), 1n), 2n)
  const [value, at] = kth(c, ref, axis, { place, keep })
  if (value === undefined || at === undefined) return refuse('it has no result')
  if (!isFloating(ref.dtype)) return [value, at]
  const missing = anyMissing(c, ref, { axes: [axis], keep })
  return [
    where(c, missing, number(c, ref, Number.NaN), value),
    where(c, missing, missingPlace(c, ref, axis, keep), at),
  ]
}

function kth(
  c: Context,
  ref: Ref,
  axis: number,
  { place, keep }: { place: Int; keep: boolean },
): readonly Ref[] {
  const sorted = topRefs(c, ref, axis, { count: sizeAt(ref, axis), largest: false })
  const index = c.g.known(dtype.int64, keep ? [1] : [], [place])
  const shape = keep
    ? ref.shape.map((size, each) => (each === axis ? 1n : size))
    : ref.shape.filter((_, each) => each !== axis)
  return sorted.map(each =>
    c.op('Gather', [each, index], { dtype: each.dtype, shape }, { axis: { int: axis } }),
  )
}

function kthValue(c: Context, a: Arguments): readonly Ref[] {
  const ref = a.ref('self')
  const [axis, place] = [a.axis('dim', ref.rank), BigInt(a.number('k') - 1)]
  const keep = a.bool('keepdim')
  return ref.rank === 0 ? alone(c, ref) : kth(c, ref, axis, { place, keep })
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

/** Orders and distances. */
export const orders: Operators = {
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
