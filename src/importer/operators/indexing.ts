import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype, factsOf, isFloating } from '../dtypes.ts'
import {
  broadcastAll,
  cast,
  concat,
  elementwise,
  expand,
  operand,
  reshape,
  resultType,
  sizeAt,
  toRef,
  transpose,
  unsqueeze,
} from '../emit.ts'
import type { Operator, Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import { product, type Int } from '../sym.ts'
import { Tensor } from '../tensor.ts'
import type { Value } from '../values.ts'
import { notRef, where } from './pointwise.ts'

/** Whole numbers as int64. */
export function toIndex(c: Context, ref: Ref): Ref {
  if (isFloating(ref.dtype) || ref.dtype === dtype.bool)
    return refuse(`it indexes with ${factsOf(ref.dtype).name}`)
  return cast(c, ref, dtype.int64)
}

export function gather(c: Context, ref: Ref, index: Ref, axis: number): Ref {
  const shape = [...ref.shape.slice(0, axis), ...index.shape, ...ref.shape.slice(axis + 1)]
  return c.op('Gather', [ref, index], { dtype: ref.dtype, shape }, { axis: { int: axis } })
}

function indexSelect(c: Context, a: Arguments): Ref {
  const [ref, index] = [a.ref('self'), toIndex(c, a.ref('index'))]
  if (ref.rank === 0) return ref
  return gather(c, ref, index.rank === 0 ? unsqueeze(c, index, [0]) : index, a.axis('dim', ref.rank))
}

function gatherElements(c: Context, a: Arguments): Ref {
  const [ref, index] = [a.ref('self'), toIndex(c, a.ref('index'))]
  a.ignore('sparse_grad')
  const axis = a.axis('dim', ref.rank)
  if (ref.rank === 0) return refuse('it gathers from a tensor without dimensions')
  return c.op(
    'GatherElements',
    [ref, index],
    { dtype: ref.dtype, shape: index.shape },
    { axis: { int: axis } },
  )
}

function takeAlong(c: Context, a: Arguments): Ref {
  const [ref, index] = [a.ref('self'), toIndex(c, a.ref('indices'))]
  if (a.value('dim') === null) {
    const flat = reshape(c, ref, [product(ref.shape)])
    return gather(c, flat, reshape(c, index, [product(index.shape)]), 0)
  }
  const axis = a.axis('dim', ref.rank)
  const all = broadcastAll([ref, index].map(each => each.shape.map((size, at) => (at === axis ? 1n : size))))
  const spread = (each: Ref) =>
    expand(
      c,
      each,
      all.map((size, at) => (at === axis ? sizeAt(each, axis) : size)),
    )
  const [data, places] = [spread(ref), spread(index)]
  return c.op(
    'GatherElements',
    [data, places],
    { dtype: ref.dtype, shape: places.shape },
    { axis: { int: axis } },
  )
}

function take(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  return gather(c, reshape(c, ref, [product(ref.shape)]), toIndex(c, a.ref('index')), 0)
}

interface Indexed {
  /** The tensor with the indexed axes in front. */
  readonly data: Ref
  readonly order: readonly number[]
  /** One row of coordinates per result. */
  readonly places: Ref
  readonly shape: readonly Int[]
  readonly axes: readonly number[]
}

function indexList(a: Arguments): (Ref | undefined)[] {
  return a
    .list('indices')
    .map(value =>
      value === null
        ? undefined
        : value instanceof Tensor
          ? value.ref
          : refuse('it indexes with something that is no tensor'),
    )
}

/** Advanced indexing: brings the indexed axes to the front and stacks the indices, broadcast, into coordinates. */
function coordinates(c: Context, self: Ref, indices: readonly (Ref | undefined)[]): Indexed {
  const axes = indices.flatMap((index, axis) => (index === undefined ? [] : [axis]))
  const given = indices.filter(index => index !== undefined)
  if (given.some(index => index.dtype === dtype.bool || index.dtype === dtype.uint8))
    return refuse('it picks elements by a mask: how many there are depends on the data')
  const shape = broadcastAll(given.map(index => index.shape))
  const order = [...axes, ...self.shape.map((_, axis) => axis).filter(axis => !axes.includes(axis))]
  const columns = given.map(index => unsqueeze(c, expand(c, toIndex(c, index), shape), [shape.length]))
  return {
    data: transpose(c, self, order),
    order,
    places: concat(c, columns, shape.length, BigInt(columns.length)),
    shape,
    axes,
  }
}

function pickElements(c: Context, a: Arguments): Ref | Value {
  const self = a.ref('self')
  const indices = indexList(a)
  if (indices.every(each => each === undefined)) return a.tensor('self')
  const only = indices.filter(each => each !== undefined)
  if (
    only.length === 1 &&
    only[0] !== undefined &&
    only[0].dtype !== dtype.bool &&
    only[0].dtype !== dtype.uint8
  )
    return gather(c, self, toIndex(c, only[0]), indices.indexOf(only[0]))
  const { data, places, shape, axes } = coordinates(c, self, indices)
  const rest = data.shape.slice(axes.length)
  const picked = c.op('GatherND', [data, places], { dtype: self.dtype, shape: [...shape, ...rest] })
  return transpose(c, picked, resultOrder(axes, shape.length, picked.rank))
}

/** Neighbouring indices put their result where they were; others put it in front. */
function resultOrder(axes: readonly number[], count: number, rank: number): number[] {
  const [first = 0] = axes
  const together = axes.every((axis, at) => axis === first + at)
  const identity = Array.from({ length: rank }, (_, axis) => axis)
  if (!together || first === 0) return identity
  const front = identity.slice(count, count + first)
  return [...front, ...identity.slice(0, count), ...identity.slice(count + first)]
}

function indexPut(c: Context, a: Arguments): Ref {
  const self = a.ref('self')
  const values = cast(c, a.ref('values'), self.dtype)
  const accumulate = a.bool('accumulate')
  a.ignore('unsafe')
  const indices = indexList(a)
  const [mask] = indices
  if (mask !== undefined && indices.length === 1 && mask.dtype === dtype.bool)
    return putMasked(c, self, mask, { values, accumulate })
  const { data, order, places, shape, axes } = coordinates(c, self, indices)
  const target = [...shape, ...data.shape.slice(axes.length)]
  const inner = resultOrder(axes, shape.length, target.length)
  const natural = inner.map(axis => target[axis] ?? 1n)
  const updates = transpose(
    c,
    expand(c, values, natural),
    inner.map((_, axis) => inner.indexOf(axis)),
  )
  const written = c.op(
    'ScatterND',
    [data, places, updates],
    { dtype: self.dtype, shape: data.shape },
    accumulate ? { reduction: { string: 'add' } } : {},
  )
  return transpose(
    c,
    written,
    order.map((_, axis) => order.indexOf(axis)),
  )
}

function putMasked(
  c: Context,
  self: Ref,
  mask: Ref,
  { values, accumulate }: { values: Ref; accumulate: boolean },
): Ref {
  if (values.rank > 0 && product(values.shape) !== 1n)
    return refuse('it writes as many values as a mask picks: that depends on the data')
  const wide = reshape(c, mask, [...mask.shape, ...self.shape.slice(mask.rank).map(() => 1n)])
  const value = expand(c, reshape(c, values, []), self.shape)
  return where(
    c,
    expand(c, wide, self.shape),
    accumulate ? elementwise(c, 'Add', [self, value]) : value,
    self,
  )
}

function oneHot(c: Context, a: Arguments): Ref {
  const ref = toIndex(c, a.ref('self'))
  const classes = a.number('num_classes')
  if (classes < 1) return refuse('its number of classes depends on the data')
  const columns = c.g.known(
    dtype.int64,
    [classes],
    Array.from({ length: classes }, (_, at) => BigInt(at)),
  )
  return cast(c, elementwise(c, 'Equal', [unsqueeze(c, ref, [ref.rank]), columns], dtype.bool), dtype.int64)
}

function choose(c: Context, a: Arguments): Ref {
  if (!a.has('other') && !a.has('self'))
    return refuse('where() with a condition only gives as many places as the data have')
  const operands = ['self', 'other'].map(name => operand(a.value(name), name))
  const type = resultType(operands)
  const [x, y] = operands.map(each => toRef(c, each, type))
  return x === undefined || y === undefined
    ? refuse('an argument is missing')
    : where(c, cast(c, a.ref('condition'), dtype.bool), x, y)
}

function maskedFill(c: Context, a: Arguments): Ref {
  const self = a.ref('self')
  const value = toRef(c, operand(a.value('value'), 'value'), self.dtype)
  const mask = cast(c, a.ref('mask'), dtype.bool)
  if (self.dtype === dtype.bool) {
    const filledIn = elementwise(c, 'And', [mask, value], dtype.bool)
    return elementwise(
      c,
      'Or',
      [filledIn, elementwise(c, 'And', [notRef(c, mask), self], dtype.bool)],
      dtype.bool,
    )
  }
  return where(c, mask, value, self)
}

const dataDependent: Operator = () => refuse('the shape of its result depends on the data')

/** Picking and writing elements by place. */
export const indexing: Operators = {
  index_select: indexSelect,
  gather: gatherElements,
  take_along_dim: takeAlong,
  take,
  index: pickElements,
  index_put: indexPut,
  _index_put_impl: indexPut,
  one_hot: oneHot,
  where: choose,
  masked_fill: maskedFill,
  nonzero: dataDependent,
  masked_select: dataDependent,
  unique_dim: dataDependent,
  _unique2: dataDependent,
  unique_consecutive: dataDependent,
  bincount: dataDependent,
}
