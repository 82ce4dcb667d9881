import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { factsOf, toDtype, type Dtype } from '../dtypes.ts'
import { agreed, cast, expand, reshape, showShape, sizeAt, squeeze, transpose, unsqueeze } from '../emit.ts'
import type { Operator, Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import { Ref } from '../ref.ts'
import { equalInts, exactQuotient, product, sameInt, show, Sym, type Int } from '../sym.ts'
import type { Tensor } from '../tensor.ts'
import { type Value } from '../values.ts'

/** The sizes asked for, with -1 worked out. Refuses where the number of elements is not known to agree. */
export function resolveShape(ref: Ref, wanted: readonly Int[]): Int[] {
  const total = product(ref.shape)
  const open = wanted.indexOf(-1n)
  if (open < 0) {
    if (!sameInt(product(wanted), total) && agreed(product(wanted), total) === undefined)
      disagree(ref, wanted)
    return [...wanted]
  }
  const others = product(wanted.filter((_, axis) => axis !== open))
  const size = others === 0n ? undefined : exactQuotient(total, others)
  if (size === undefined || wanted.indexOf(-1n, open + 1) >= 0) disagree(ref, wanted)
  return wanted.map((each, axis) => (axis === open ? size : each))
}

function disagree(ref: Ref, wanted: readonly Int[]): never {
  const hint = ref.shape.some(size => size instanceof Sym)
    ? '; the trace may hold the size of its example: give the symbol that number'
    : ''
  return refuse(
    `a tensor of shape ${showShape(ref.shape)} is not known to fit the shape ${showShape(wanted)}${hint}`,
  )
}

export function reshapeView(c: Context, parent: Tensor, shape: readonly Int[]): Tensor {
  const old = parent.ref.shape
  return c.view(
    parent,
    ref => reshape(c, ref, shape),
    (_, written) => reshape(c, written, old),
  )
}

function view(c: Context, a: Arguments): Tensor {
  const self = a.tensor('self')
  if (a.has('dtype')) return refuse('a view as another type is not supported')
  return reshapeView(c, self, resolveShape(self.ref, a.ints('size')))
}

/** A view where the memory allows it, else a copy: which of both is not known here. */
function shaped(c: Context, self: Tensor, shape: readonly Int[]): Tensor {
  const same =
    shape.length === self.ref.rank && shape.every((size, axis) => sameInt(size, self.ref.shape[axis] ?? -1n))
  return same ? reshapeView(c, self, shape) : c.perhapsShared(self, reshape(c, self.ref, shape))
}

function flatten(c: Context, a: Arguments): Tensor {
  const self = a.tensor('self')
  const { shape, rank } = self.ref
  if (rank === 0) return reshapeView(c, self, [1n])
  const [start, end] = [a.axis('start_dim', rank), a.axis('end_dim', rank)]
  if (start === end) return self
  if (start > end) return refuse('start_dim comes after end_dim')
  return shaped(c, self, [
    ...shape.slice(0, start),
    product(shape.slice(start, end + 1)),
    ...shape.slice(end + 1),
  ])
}

function unflatten(c: Context, a: Arguments): Tensor {
  const self = a.tensor('self')
  const axis = a.axis('dim', self.ref.rank)
  const inner = new Ref(self.ref.dtype, [sizeAt(self.ref, axis)], self.ref.content)
  const sizes = resolveShape(inner, a.ints('sizes'))
  return reshapeView(c, self, self.ref.shape.toSpliced(axis, 1, ...sizes))
}

export function permuted(c: Context, parent: Tensor, order: readonly number[]): Tensor {
  const back = order.map((_, axis) => order.indexOf(axis))
  if (back.includes(-1)) return refuse('it names a dimension twice')
  return c.view(
    parent,
    ref => transpose(c, ref, order),
    (_, written) => transpose(c, written, back),
  )
}

function swap(c: Context, a: Arguments, names: readonly [string, string]): Tensor {
  const self = a.tensor('self')
  const [x, y] = [a.axis(names[0], self.ref.rank), a.axis(names[1], self.ref.rank)]
  return permuted(
    c,
    self,
    self.ref.shape.map((_, axis) => (axis === x ? y : axis === y ? x : axis)),
  )
}

function lastTwo(c: Context, self: Tensor): Tensor {
  const { rank } = self.ref
  if (rank < 2) return self
  const order = self.ref.shape.map((_, axis) => axis)
  return permuted(c, self, [...order.slice(0, -2), rank - 1, rank - 2])
}

function moveDim(c: Context, a: Arguments): Tensor {
  const self = a.tensor('self')
  const { rank } = self.ref
  const [from, target] = [a.axes('source', rank) ?? [], a.axes('destination', rank) ?? []]
  const order: (number | undefined)[] = self.ref.shape.map(() => undefined)
  target.forEach((axis, index) => {
    order[axis] = from[index]
  })
  const rest = self.ref.shape.map((_, axis) => axis).filter(axis => !from.includes(axis))
  return permuted(
    c,
    self,
    order.map(axis => axis ?? rest.shift() ?? 0),
  )
}

export function unsqueezed(c: Context, self: Tensor, axis: number): Tensor {
  return c.view(
    self,
    ref => unsqueeze(c, ref, [axis]),
    (_, written) => squeeze(c, written, [axis]),
  )
}

function squeezeView(c: Context, a: Arguments): Tensor {
  const self = a.tensor('self')
  const { rank, shape } = self.ref
  const asked = a.has('dim') ? (a.axes('dim', rank) ?? []) : shape.map((_, axis) => axis)
  const axes = asked.filter(axis => isOne(shape[axis] ?? 1n))
  if (rank === 0 || axes.length === 0)
    return c.view(
      self,
      ref => ref,
      (_, written) => written,
    )
  return c.view(
    self,
    ref => squeeze(c, ref, axes),
    (_, written) => unsqueeze(c, written, axes),
  )
}

/** Sizes of one go, others stay; where that depends on the input, so would the number of dimensions. */
function isOne(size: Int): boolean {
  if (typeof size === 'bigint') return size === 1n
  return (
    equalInts(size, 1n) ??
    refuse(
      `whether the dimension of size ${show(size)} goes depends on the input; squeeze a dimension whose size is known, or give ${show(size)} a number`,
    )
  )
}

/** Sizes of one repeat; the same memory is seen several times, so a write through it is refused. */
export function expanded(c: Context, self: Tensor, wanted: readonly Int[]): Tensor {
  const { shape } = self.ref
  const lead = wanted.length - shape.length
  if (lead < 0) return refuse(`a tensor of shape ${showShape(shape)} cannot expand to ${showShape(wanted)}`)
  const sizes = wanted.map((size, axis) => {
    const old = axis < lead ? 1n : (shape[axis - lead] ?? 1n)
    if (size === -1n) return old
    if (old === 1n) return size
    return (
      agreed(old, size) ??
      refuse(`a tensor of shape ${showShape(shape)} is not known to expand to ${showShape(wanted)}`)
    )
  })
  return c.view(self, ref => expand(c, ref, sizes))
}

function to(c: Context, a: Arguments): Tensor {
  const self = a.tensor('self')
  const type = targetType(a, self.ref.dtype)
  const copy = a.has('copy') && a.bool('copy')
  if (type === self.ref.dtype && !copy) return self
  return c.tensor(cast(c, self.ref, type))
}

function targetType(a: Arguments, own: Dtype): Dtype {
  if (a.has('other')) return a.ref('other').dtype
  const value = a.has('dtype') ? a.value('dtype') : null
  return value === null
    ? own
    : typeof value === 'bigint'
      ? toDtype(value)
      : refuse('its argument dtype is not known')
}

/** What `detach` gives is no number any more. */
const detached: Operator = (c, a) => {
  const self = a.tensor('self')
  if (!self.ref.wrapped) return self
  return c.tensor(new Ref(self.ref.dtype, self.ref.shape, self.ref.content))
}

const same: Operator = (_, a) => a.tensor(a.schema.args[0]?.name ?? 'self')

function typeAs(c: Context, a: Arguments): Value {
  const [self, other] = [a.tensor('self'), a.ref('other')]
  return factsOf(self.ref.dtype) === factsOf(other.dtype) ? self : c.tensor(cast(c, self.ref, other.dtype))
}

/** What shows the same memory in another form, and what gives a tensor on as it is. */
export const views: Operators = {
  view,
  _unsafe_view: view,
  reshape: (c, a) => shaped(c, a.tensor('self'), resolveShape(a.ref('self'), a.ints('shape'))),
  view_as: (c, a) => reshapeView(c, a.tensor('self'), resolveShape(a.ref('self'), a.ref('other').shape)),
  reshape_as: (c, a) => shaped(c, a.tensor('self'), resolveShape(a.ref('self'), a.ref('other').shape)),
  flatten,
  ravel: (c, a) => shaped(c, a.tensor('self'), [product(a.ref('self').shape)]),
  unflatten,
  permute: (c, a) => permuted(c, a.tensor('self'), a.axes('dims', a.ref('self').rank) ?? []),
  transpose: (c, a) => swap(c, a, ['dim0', 'dim1']),
  swapaxes: (c, a) => swap(c, a, ['axis0', 'axis1']),
  swapdims: (c, a) => swap(c, a, ['dim0', 'dim1']),
  t: (c, a) => lastTwo(c, a.tensor('self')),
  numpy_T: (c, a) =>
    permuted(
      c,
      a.tensor('self'),
      a
        .ref('self')
        .shape.map((_, axis) => axis)
        .toReversed(),
    ),
  mT: (c, a) => lastTwo(c, a.tensor('self')),
  adjoint: (c, a) => lastTwo(c, a.tensor('self')),
  movedim: moveDim,
  moveaxis: moveDim,
  unsqueeze: (c, a) => unsqueezed(c, a.tensor('self'), a.axis('dim', a.ref('self').rank + 1)),
  squeeze: squeezeView,
  expand: (c, a) => expanded(c, a.tensor('self'), a.ints('size')),
  expand_as: (c, a) => expanded(c, a.tensor('self'), a.ref('other').shape),
  to,
  type_as: typeAs,
  contiguous: (c, a) => c.perhapsShared(a.tensor('self'), a.ref('self')),
  clone: (_, a) => a.ref('self'),
  detach: detached,
  alias: same,
  cpu: same,
  cuda: same,
  pin_memory: same,
  requires_grad_: same,
  data: same,
  'prim::data': same,
}
