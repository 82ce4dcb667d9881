import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype, factsOf, toDtype, type Dtype } from '../dtypes.ts'
import { agreed, cast, concat, expand, reshape, showShape, sizeAt, sliceAxis, squeeze, staticSize, transpose, unsqueeze } from '../emit.ts'
import type { Operator, Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import { Ref } from '../ref.ts'
import { addInts, boundsOf, equalInts, exactQuotient, floorDivInts, lessThan, maxInts, minInts, product, sameInt, show, subInts, Sym, type Int } from '../sym.ts'
import type { Tensor } from '../tensor.ts'
import { isInt, List, type Value } from '../values.ts'
import { rowsOfPacked } from './packed.ts'

/** The sizes asked for, with -1 worked out. Refuses where the number of elements is not known to agree. */
export function resolveShape(ref: Ref, wanted: readonly Int[]): Int[] {
  const total = product(ref.shape)
  const open = wanted.indexOf(-1n)
  if (open < 0) {
    if (!sameInt(product(wanted), total) && agreed(product(wanted), total) === undefined) disagree(ref, wanted)
    return [...wanted]
  }
  const others = product(wanted.filter((_, axis) => axis !== open))
  const size = others === 0n ? undefined : exactQuotient(total, others)
  if (size === undefined || wanted.indexOf(-1n, open + 1) >= 0) disagree(ref, wanted)
  return wanted.map((each, axis) => (axis === open ? size : each))
}

function disagree(ref: Ref, wanted: readonly Int[]): never {
  const hint = ref.shape.some(size => size instanceof Sym) ? '; the trace may hold the size of its example: give the symbol that number' : ''
  return refuse(`a tensor of shape ${showShape(ref.shape)} is not known to fit the shape ${showShape(wanted)}${hint}`)
}

export function reshapeView(c: Context, parent: Tensor, shape: readonly Int[]): Tensor {
  const old = parent.ref.shape
  return c.view(parent, ref => reshape(c, ref, shape), (_, view) => reshape(c, view, old))
}

function view(c: Context, a: Arguments): Tensor {
  const self = a.tensor('self')
  if (a.has('dtype')) return refuse('a view as another type is not supported')
  return reshapeView(c, self, resolveShape(self.ref, a.ints('size')))
}

/** A view where the memory allows it, else a copy: which of both is not known here. */
function shaped(c: Context, self: Tensor, shape: readonly Int[]): Tensor {
  const same = shape.length === self.ref.rank && shape.every((size, axis) => sameInt(size, self.ref.shape[axis] ?? -1n))
  return same ? reshapeView(c, self, shape) : c.perhapsShared(self, reshape(c, self.ref, shape))
}

function flatten(c: Context, a: Arguments): Tensor {
  const self = a.tensor('self')
  const { shape, rank } = self.ref
  if (rank === 0) return reshapeView(c, self, [1n])
  const [start, end] = [a.axis('start_dim', rank), a.axis('end_dim', rank)]
  if (start === end) return self
  if (start > end) return refuse('start_dim comes after end_dim')
  return shaped(c, self, [...shape.slice(0, start), product(shape.slice(start, end + 1)), ...shape.slice(end + 1)])
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
  return c.view(parent, ref => transpose(c, ref, order), (_, written) => transpose(c, written, back))
}

function swap(c: Context, a: Arguments, names: readonly [string, string]): Tensor {
  const self = a.tensor('self')
  const [x, y] = [a.axis(names[0], self.ref.rank), a.axis(names[1], self.ref.rank)]
  return permuted(c, self, self.ref.shape.map((_, axis) => (axis === x ? y : axis === y ? x : axis)))
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
  const [from, to] = [a.axes('source', rank) ?? [], a.axes('destination', rank) ?? []]
  const order: (number | undefined)[] = self.ref.shape.map(() => undefined)
  to.forEach((axis, index) => {
    order[axis] = from[index]
  })
  const rest = self.ref.shape.map((_, axis) => axis).filter(axis => !from.includes(axis))
  return permuted(c, self, order.map(axis => axis ?? rest.shift() ?? 0))
}

export function unsqueezed(c: Context, self: Tensor, axis: number): Tensor {
  return c.view(self, ref => unsqueeze(c, ref, [axis]), (_, written) => squeeze(c, written, [axis]))
}

function squeezeView(c: Context, a: Arguments): Tensor {
  const self = a.tensor('self')
  const { rank, shape } = self.ref
  const asked = a.has('dim') ? (a.axes('dim', rank) ?? []) : shape.map((_, axis) => axis)
  const axes = asked.filter(axis => isOne(shape[axis] ?? 1n))
  if (rank === 0 || axes.length === 0) return c.view(self, ref => ref, (_, written) => written)
  return c.view(self, ref => squeeze(c, ref, axes), (_, written) => unsqueeze(c, written, axes))
}

/** Sizes of one go, others stay; where that depends on the input, so would the number of dimensions. */
function isOne(size: Int): boolean {
  if (typeof size === 'bigint') return size === 1n
  return equalInts(size, 1n) ?? refuse(`whether the dimension of size ${show(size)} goes depends on the input; squeeze a dimension whose size is known, or give ${show(size)} a number`)
}

/** Where a Python slice begins and ends, within a size. */
export function sliceBounds(size: Int, start: Int | undefined, end: Int | undefined): { start: Int; end: Int } {
  return { start: clampIndex(start ?? 0n, size), end: clampIndex(end ?? size, size) }
}

function clampIndex(index: Int, size: Int): Int {
  const negative = lessThan(index, 0n)
  if (negative === undefined) return refuse(`a slice at ${show(index)} may count from the front or from the end`)
  return negative ? maxInts(addInts(index, size), 0n) : minInts(index, size)
}

const END = 2n ** 62n

function slice(c: Context, a: Arguments): Tensor {
  const self = a.tensor('self')
  const axis = a.axis('dim', self.ref.rank)
  const size = sizeAt(self.ref, axis)
  const step = BigInt(a.number('step'))
  if (step < 1n) return refuse('it slices with a step below 1')
  const stop = a.optionalInt('end')
  const far = typeof stop === 'bigint' && stop > END
  const { start, end } = sliceBounds(size, a.optionalInt('start'), far ? undefined : stop)
  return sliced(c, self, axis, { start, end, step })
}

export function sliced(c: Context, self: Tensor, axis: number, range: { start: Int; end: Int; step: bigint }): Tensor {
  const { start, step } = range
  const end = maxInts(range.end, start)
  const size = floorDivInts(addInts(subInts(end, start), step - 1n), step)
  const read = (ref: Ref) => sliceAxis(c, ref, axis, { start, end, step, size })
  if (step !== 1n) return c.view(self, read)
  return c.view(self, read, (parent, written) => replaceSlice(c, parent, written, axis, start))
}

/** The parent with a part of one axis replaced. */
function replaceSlice(c: Context, parent: Ref, part: Ref, axis: number, start: Int): Ref {
  const size = sizeAt(parent, axis)
  const end = addInts(start, sizeAt(part, axis))
  const before = sliceAxis(c, parent, axis, { start: 0n, end: start, size: start })
  const after = sliceAxis(c, parent, axis, { start: end, end: size, size: subInts(size, end) })
  const pieces = [start === 0n ? undefined : before, part, sameInt(end, size) ? undefined : after]
  return concat(c, pieces.filter(piece => piece !== undefined), axis, size)
}

function select(c: Context, a: Arguments): Tensor {
  const self = a.tensor('self')
  const axis = a.axis('dim', self.ref.rank)
  const index = a.int('index')
  const rows = axis === 0 && index === 0n ? rowsOfPacked(self) : undefined
  return rows === undefined ? selected(c, self, axis, index) : c.tensor(c.g.scalar(dtype.int64, rows))
}

export function selected(c: Context, self: Tensor, axis: number, index: Int): Tensor {
  const size = sizeAt(self.ref, axis)
  const { known } = self.ref
  if (known !== undefined && self.ref.rank === 1 && typeof index === 'bigint' && typeof size === 'bigint') {
    const at = Number(index < 0n ? index + size : index)
    const element = known[at] ?? refuse(`it selects element ${index} of ${size}`)
    return c.view(self, () => new Ref(self.ref.dtype, [], { kind: 'known', elements: [element] }))
  }
  return selectedAt(c, self, axis, fromFront(index, size))
}

function fromFront(index: Int, size: Int): Int | undefined {
  const negative = lessThan(index, 0n)
  if (lessThan(index, size) === false) refuse(`it selects element ${show(index)} of ${show(size)}`)
  if (negative === undefined) return undefined
  const at = negative ? addInts(index, size) : index
  return (boundsOf(at).min ?? 0n) < 0n && typeof at === 'bigint' ? refuse(`it selects element ${show(index)} of ${show(size)}`) : at
}

function selectedAt(c: Context, self: Tensor, axis: number, at: Int | undefined): Tensor {
  if (at === undefined) return refuse('it selects an element whose place may count from the front or from the end')
  const read = (ref: Ref) => {
    const shape = ref.shape.filter((_, each) => each !== axis)
    return c.op('Gather', [ref, c.g.known(4, [], [at])], { dtype: ref.dtype, shape }, { axis: { int: axis } })
  }
  return c.view(self, read, (parent, written) => replaceSlice(c, parent, unsqueeze(c, written, [axis]), axis, at))
}

function narrow(c: Context, a: Arguments): Tensor {
  const self = a.tensor('self')
  const axis = a.axis('dim', self.ref.rank)
  const [start, length] = [a.int('start'), a.int('length')]
  const from = typeof start === 'bigint' && start < 0n ? addInts(start, sizeAt(self.ref, axis)) : start
  return sliced(c, self, axis, { start: from, end: addInts(from, length), step: 1n })
}

/** Pieces of the given sizes. */
function pieces(c: Context, self: Tensor, axis: number, sizes: readonly Int[]): List {
  let start: Int = 0n
  return new List(sizes.map(size => {
    const from = start
    start = addInts(start, size)
    return sliced(c, self, axis, { start: from, end: start, step: 1n })
  }))
}

function split(c: Context, a: Arguments): List {
  const self = a.tensor('self')
  const axis = a.axis('dim', self.ref.rank)
  const name = a.has('split_size') ? 'split_size' : 'split_sizes'
  const value = a.value(name)
  if (!isInt(value)) return splitWithSizes(c, a, name)
  return pieces(c, self, axis, evenSizes(sizeAt(self.ref, axis), a.number(name)))
}

function evenSizes(size: Int, each: number): Int[] {
  if (size instanceof Sym) return refuse(`a dimension of size ${show(size)} is split into an unknown number of pieces; give it a number`)
  if (each <= 0) return refuse('it splits into pieces of no size')
  const count = Math.max(Math.ceil(Number(size) / each), 1)
  return Array.from({ length: count }, (_, index) => BigInt(Math.min(each, Number(size) - index * each)))
}

function splitWithSizes(c: Context, a: Arguments, name = 'split_sizes'): List {
  const self = a.tensor('self')
  const axis = a.axis('dim', self.ref.rank)
  const sizes = a.ints(name)
  const total = sizes.reduce(addInts, 0n)
  if (agreed(total, sizeAt(self.ref, axis)) === undefined)
    return refuse(`pieces of ${showShape(sizes)} do not make up a dimension of size ${show(sizeAt(self.ref, axis))}`)
  return pieces(c, self, axis, sizes)
}

function chunk(c: Context, a: Arguments): List {
  const self = a.tensor('self')
  const axis = a.axis('dim', self.ref.rank)
  const [size, count] = [sizeAt(self.ref, axis), a.number('chunks')]
  if (size instanceof Sym) {
    const each = exactQuotient(size, BigInt(count))
    if (each === undefined) return refuse(`whether a dimension of size ${show(size)} has ${count} pieces depends on the input; give it a number`)
    return pieces(c, self, axis, Array.from({ length: count }, () => each))
  }
  return pieces(c, self, axis, evenSizes(size, Math.max(Math.ceil(Number(size) / count), 1)))
}

function tensorSplit(c: Context, a: Arguments): List {
  const self = a.tensor('self')
  const axis = a.axis('dim', self.ref.rank)
  const size = staticSize(self.ref, axis)
  if (a.has('indices')) {
    const ends = [...a.numbers('indices').map(each => Math.min(Math.max(each < 0 ? each + size : each, 0), size)), size]
    return pieces(c, self, axis, ends.map((end, index) => BigInt(Math.max(end - (ends[index - 1] ?? 0), 0))))
  }
  const count = a.number('sections')
  const sizes = Array.from({ length: count }, (_, index) => BigInt(Math.floor(size / count) + (index < size % count ? 1 : 0)))
  return pieces(c, self, axis, sizes)
}

function unbind(c: Context, a: Arguments): List {
  const self = a.tensor('self')
  const axis = a.axis('dim', self.ref.rank)
  const size = sizeAt(self.ref, axis)
  if (size instanceof Sym) return refuse(`a dimension of size ${show(size)} is taken apart; give it a number`)
  return new List(Array.from({ length: Number(size) }, (_, index) => selected(c, self, axis, BigInt(index))))
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
    return agreed(old, size) ?? refuse(`a tensor of shape ${showShape(shape)} is not known to expand to ${showShape(wanted)}`)
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
  return value === null ? own : typeof value === 'bigint' ? toDtype(value) : refuse('its argument dtype is not known')
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
  numpy_T: (c, a) => permuted(c, a.tensor('self'), a.ref('self').shape.map((_, axis) => axis).toReversed()),
  mT: (c, a) => lastTwo(c, a.tensor('self')),
  adjoint: (c, a) => lastTwo(c, a.tensor('self')),
  movedim: moveDim,
  moveaxis: moveDim,
  unsqueeze: (c, a) => unsqueezed(c, a.tensor('self'), a.axis('dim', a.ref('self').rank + 1)),
  squeeze: squeezeView,
  slice,
  select,
  narrow,
  chunk,
  split,
  split_with_sizes: splitWithSizes,
  tensor_split: tensorSplit,
  unbind,
  expand: (c, a) => expanded(c, a.tensor('self'), a.ints('size')),
  expand_as: (c, a) => expanded(c, a.tensor('self'), a.ref('other').shape),
  to,
  type_as: typeAs,
  contiguous: (c, a) => c.perhapsShared(a.tensor('self'), a.ref('self')),
  clone: (_, a) => a.ref('self'),
  detach: same,
  alias: same,
  cpu: same,
  cuda: same,
  pin_memory: same,
  requires_grad_: same,
  data: same,
  'prim::data': same,
}

