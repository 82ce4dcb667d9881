import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype, isFloating } from '../dtypes.ts'
import {
  agreed,
  cast,
  concat,
  elementwise,
  reduce,
  reshape,
  sizeAt,
  sliceAxis,
  toRef,
  transpose,
  unsqueeze,
} from '../emit.ts'
import type { Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import { subInts, type Int } from '../sym.ts'
import { selected, sliceBounds, sliced } from './slicing.ts'
import { matmul } from './linear.ts'
import { promoted } from './arithmetic.ts'
import { lpNorm } from './normalisation.ts'
import { notRef, number, where } from './pointwise.ts'

const piece = (c: Context, ref: Ref, axis: number, [start, end]: readonly [Int, Int]): Ref =>
  sliceAxis(c, ref, axis, { start, end, size: subInts(end, start) })

function lift(c: Context, ref: Ref, rank: number): Ref {
  if (rank >= 1 && ref.rank === 0) return lift(c, unsqueeze(c, ref, [0]), rank)
  if (rank >= 2 && ref.rank === 1) return lift(c, unsqueeze(c, ref, [0]), rank)
  return rank === 3 && ref.rank === 2 ? unsqueeze(c, ref, [2]) : ref
}

function atLeast(c: Context, a: Arguments, rank: number): Ref {
  if (!a.has('self')) return refuse('it is supported for one tensor only')
  return lift(c, a.ref('self'), rank)
}

function difference(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  const axis = a.axis('dim', ref.rank)
  if (a.number('n') !== 1 || a.value('prepend') !== null || a.value('append') !== null)
    return refuse('it is supported for one difference only')
  const size = sizeAt(ref, axis)
  const [later, earlier] = [piece(c, ref, axis, [1n, size]), piece(c, ref, axis, [0n, subInts(size, 1n)])]
  if (ref.dtype === dtype.bool) return elementwise(c, 'Xor', [later, earlier], dtype.bool)
  return elementwise(c, 'Sub', [later, earlier])
}

/** The tensor with one slice, or a range of slices, replaced. */
function selectScatter(c: Context, a: Arguments): Ref {
  const self = c.tensor(a.ref('self'))
  const axis = a.axis('dim', self.ref.rank)
  selected(c, self, axis, a.int('index')).write(
    cast(
      c,
      sameShape(
        a.ref('src'),
        self.ref.shape.filter((_, each) => each !== axis),
      ),
      self.ref.dtype,
    ),
  )
  return self.ref
}

function sliceScatter(c: Context, a: Arguments): Ref {
  const self = c.tensor(a.ref('self'))
  const axis = a.axis('dim', self.ref.rank)
  const { start, end } = sliceBounds(sizeAt(self.ref, axis), a.optionalInt('start'), a.optionalInt('end'))
  const view = sliced(c, self, axis, { start, end, step: BigInt(a.number('step')) })
  view.write(cast(c, sameShape(a.ref('src'), view.ref.shape), self.ref.dtype))
  return self.ref
}

function sameShape(ref: Ref, shape: readonly Int[]): Ref {
  const same =
    ref.rank === shape.length && shape.every((size, axis) => agreed(size, sizeAt(ref, axis)) !== undefined)
  return same ? ref : refuse('its source has another shape than the place it goes to')
}

function heaviside(c: Context, a: Arguments): Ref {
  const [x, values] = promoted(c, a, ['self', 'values'])
  if (!isFloating(x.dtype)) return refuse('it is supported for fractions only')
  const zero = number(c, x, 0)
  const step = cast(c, elementwise(c, 'Greater', [x, zero], dtype.bool), x.dtype)
  return where(c, elementwise(c, 'Equal', [x, zero], dtype.bool), values, step)
}

/** The vector product along an axis of three. */
function cross(c: Context, a: Arguments): Ref {
  const [x, y] = promoted(c, a)
  if (a.value('dim') === null) return refuse('it needs its dimension')
  const axis = a.axis('dim', x.rank)
  if (sizeAt(x, axis) !== 3n || sizeAt(y, axis) !== 3n || x.rank !== y.rank)
    return refuse('it needs a dimension of three')
  const part = (ref: Ref, at: number) => piece(c, ref, axis, [BigInt(at), BigInt(at + 1)])
  const rows = [0, 1, 2].map(at => {
    const [next, last] = [(at + 1) % 3, (at + 2) % 3]
    const plus = elementwise(c, 'Mul', [part(x, next), part(y, last)])
    return elementwise(c, 'Sub', [plus, elementwise(c, 'Mul', [part(x, last), part(y, next)])])
  })
  return concat(c, rows, axis, 3n)
}

function nanMean(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  if (!isFloating(ref.dtype) || a.value('dtype') !== null) return refuse('it is supported for fractions only')
  const axes = a.axes('dim', ref.rank)
  const keep = a.bool('keepdim')
  const missing = c.op('IsNaN', [ref], { dtype: dtype.bool, shape: ref.shape })
  const total = reduce(c, 'ReduceSum', where(c, missing, number(c, ref, 0), ref), { axes, keep })
  const count = reduce(c, 'ReduceSum', where(c, missing, number(c, ref, 0), number(c, ref, 1)), {
    axes,
    keep,
  })
  return elementwise(c, 'Div', [total, count])
}

/** The norm of vectors; norms of matrices are refused. */
function linalgNorm(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  const axes = a.axes('dim', ref.rank)
  const order = a.optionalFloat('ord')
  const dimensions = axes?.length ?? ref.rank
  const vectors = order === undefined ? axes === undefined || dimensions <= 2 : dimensions === 1
  if (!vectors) return refuse('norms of matrices are not supported')
  if (a.value('dtype') !== null || !isFloating(ref.dtype)) return refuse('it is supported for fractions only')
  return lpNorm(c, ref, order ?? 2, { axes, keep: a.bool('keepdim') })
}

function addbmm(c: Context, a: Arguments): Ref {
  const product = reduce(c, 'ReduceSum', matmul(c, a.ref('batch1'), a.ref('batch2')), {
    axes: [0],
    keep: false,
  })
  const [alpha, beta] = [a.float('alpha'), a.float('beta')]
  const scaled = alpha === 1 ? product : elementwise(c, 'Mul', [product, toRef(c, alpha, product.dtype)])
  if (beta === 0) return scaled
  const self = a.ref('self')
  return elementwise(c, 'Add', [
    beta === 1 ? self : elementwise(c, 'Mul', [self, toRef(c, beta, self.dtype)]),
    scaled,
  ])
}

function rotate(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  const turns = ((a.number('k') % 4) + 4) % 4
  const [x, y] = a.axes('dims', ref.rank) ?? []
  if (x === undefined || y === undefined) return refuse('it needs two dimensions')
  const flip = (each: Ref, axes: number[]) =>
    c.op(
      'Slice',
      [
        each,
        c.g.ints(axes.map(() => -1)),
        c.g.ints(axes.map(() => -(2n ** 63n))),
        c.g.ints(axes),
        c.g.ints(axes.map(() => -1)),
      ],
      { dtype: each.dtype, shape: each.shape },
    )
  const order = ref.shape.map((_, axis) => (axis === x ? y : axis === y ? x : axis))
  if (turns === 0) return ref
  if (turns === 2) return flip(ref, [x, y])
  return turns === 1 ? transpose(c, flip(ref, [y]), order) : flip(transpose(c, ref, order), [y])
}

function trapezoid(c: Context, a: Arguments): Ref {
  const ref = a.ref('y')
  const axis = a.axis('dim', ref.rank)
  if (a.has('x')) return refuse('it is supported for even steps only')
  const size = sizeAt(ref, axis)
  const both = elementwise(c, 'Add', [
    piece(c, ref, axis, [1n, size]),
    piece(c, ref, axis, [0n, subInts(size, 1n)]),
  ])
  const total = reduce(c, 'ReduceSum', both, { axes: [axis], keep: false })
  return elementwise(c, 'Mul', [total, number(c, total, a.float('dx') / 2)])
}

/** How many boundaries are below (or not above) each value; what is no number comes after all of them. */
function bucketize(c: Context, a: Arguments): Ref {
  const [x, limits] = promoted(c, a, ['self', a.has('boundaries') ? 'boundaries' : 'sorted_sequence'])
  const side = a.has('side') ? a.value('side') : null
  const right = a.bool('right') || side === 'right'
  if (a.has('sorter') && a.value('sorter') !== null) return refuse('a sorter is not supported')
  if (limits.rank !== 1) return refuse('its boundaries must have one dimension')
  const above = elementwise(
    c,
    right ? 'Greater' : 'GreaterOrEqual',
    [limits, unsqueeze(c, x, [x.rank])],
    dtype.bool,
  )
  const counts = cast(c, notRef(c, above), a.bool('out_int32') ? dtype.int32 : dtype.int64)
  return reduce(c, 'ReduceSum', counts, { axes: [x.rank], keep: false })
}

function trace(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  const size = sizeAt(ref, 0)
  if (typeof size !== 'bigint' || ref.rank !== 2) return refuse('it needs a matrix of known size')
  const columns = sizeAt(ref, 1)
  if (typeof columns !== 'bigint') return refuse('it needs a matrix of known size')
  const count = Number(size < columns ? size : columns)
  const flat = reshape(c, ref, [size * columns])
  const places = c.g.ints(Array.from({ length: count }, (_, at) => BigInt(at) * (columns + 1n)))
  const picked = c.op(
    'Gather',
    [flat, places],
    { dtype: ref.dtype, shape: [BigInt(count)] },
    { axis: { int: 0 } },
  )
  return reduce(c, 'ReduceSum', isFloating(ref.dtype) ? picked : cast(c, picked, dtype.int64), {
    axes: [0],
    keep: false,
  })
}

/** Less usual operators. */
export const more: Operators = {
  atleast_1d: (c, a) => atLeast(c, a, 1),
  atleast_2d: (c, a) => atLeast(c, a, 2),
  atleast_3d: (c, a) => atLeast(c, a, 3),
  diff: difference,
  select_scatter: selectScatter,
  slice_scatter: sliceScatter,
  heaviside,
  cross,
  linalg_cross: cross,
  nanmean: nanMean,
  linalg_norm: linalgNorm,
  addbmm,
  rot90: rotate,
  trapezoid,
  bucketize,
  searchsorted: bucketize,
  trace,
}
