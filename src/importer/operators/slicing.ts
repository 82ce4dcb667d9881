import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype } from '../dtypes.ts'
import {
  agreed,
  concat,
  showShape,
  sizeAt,
  sliceAxis,
  staticSize,
  swapAxes,
  transpose,
  unsqueeze,
} from '../emit.ts'
import type { Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import { Ref } from '../ref.ts'
import {
  addInts,
  boundsOf,
  exactQuotient,
  floorDivInts,
  lessThan,
  maxInts,
  minInts,
  sameInt,
  show,
  subInts,
  Sym,
  type Int,
} from '../sym.ts'
import type { Tensor } from '../tensor.ts'
import { isInt, List } from '../values.ts'
import { rowsOfPacked } from './packed.ts'

/** Where a Python slice begins and ends, within a size. */
export function sliceBounds(
  size: Int,
  start: Int | undefined,
  end: Int | undefined,
): { start: Int; end: Int } {
  return { start: clampIndex(start ?? 0n, size), end: clampIndex(end ?? size, size) }
}

function clampIndex(index: Int, size: Int): Int {
  const negative = lessThan(index, 0n)
  if (negative === undefined)
    return refuse(`a slice at ${show(index)} may count from the front or from the end`)
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

export function sliced(
  c: Context,
  self: Tensor,
  axis: number,
  range: { start: Int; end: Int; step: bigint },
): Tensor {
  const { start, step } = range
  const end = maxInts(range.end, start)
  const size = floorDivInts(addInts(subInts(end, start), step - 1n), step)
  const read = (ref: Ref) => sliceAxis(c, ref, axis, { start, end, step, size })
  if (step !== 1n)
    return c.view(self, read, (parent, written) =>
      replaceSteps(c, parent, written, { axis, start, end, step }),
    )
  return c.view(self, read, (parent, written) => replaceSlice(c, parent, written, { axis, start }))
}

interface Steps {
  readonly axis: number
  readonly start: Int
  readonly end: Int
  readonly step: bigint
}

/** The parent with every so many slices of one axis replaced. */
function replaceSteps(c: Context, parent: Ref, part: Ref, range: Steps): Ref {
  const { axis } = range
  const inputs = [range.start, range.end, range.step].map(each => c.g.scalar(dtype.int64, each))
  const size = sizeAt(part, axis)
  const places = unsqueeze(c, c.op('Range', inputs, { dtype: dtype.int64, shape: [size] }), [1])
  const order = swapAxes(parent.rank, 0, axis)
  const [data, updates] = [transpose(c, parent, order), transpose(c, part, order)]
  return transpose(
    c,
    c.op('ScatterND', [data, places, updates], { dtype: parent.dtype, shape: data.shape }),
    order,
  )
}

/** The parent with a part of one axis replaced. */
function replaceSlice(
  c: Context,
  parent: Ref,
  part: Ref,
  { axis, start }: { axis: number; start: Int },
): Ref {
  const size = sizeAt(parent, axis)
  const end = addInts(start, sizeAt(part, axis))
  const before = sliceAxis(c, parent, axis, { start: 0n, end: start, size: start })
  const after = sliceAxis(c, parent, axis, { start: end, end: size, size: subInts(size, end) })
  const parts = [start === 0n ? undefined : before, part, sameInt(end, size) ? undefined : after]
  return concat(
    c,
    parts.filter(piece => piece !== undefined),
    axis,
    size,
  )
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
  const at = fromFront(index, size)
  return selectedAt(c, self, axis, { place: at ?? index, known: at !== undefined })
}

/** The place counted from the front; undefined where it is not known from which end it counts. */
function fromFront(index: Int, size: Int): Int | undefined {
  const negative = lessThan(index, 0n)
  if (lessThan(index, size) === false) refuse(`it selects element ${show(index)} of ${show(size)}`)
  if (negative === undefined) return undefined
  const at = negative ? addInts(index, size) : index
  return (boundsOf(at).min ?? 0n) < 0n && typeof at === 'bigint'
    ? refuse(`it selects element ${show(index)} of ${show(size)}`)
    : at
}

function selectedAt(
  c: Context,
  self: Tensor,
  axis: number,
  { place: at, known }: { place: Int; known: boolean },
): Tensor {
  const read = (ref: Ref) => {
    const shape = ref.shape.filter((_, each) => each !== axis)
    return c.op('Gather', [ref, c.g.known(4, [], [at])], { dtype: ref.dtype, shape }, { axis: { int: axis } })
  }
  // ONNX's Gather counts from both ends, as PyTorch does; a write must know where it goes.
  if (!known) return c.view(self, read)
  return c.view(self, read, (parent, written) =>
    replaceSlice(c, parent, unsqueeze(c, written, [axis]), { axis, start: at }),
  )
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
  return new List(
    sizes.map(size => {
      const from = start
      start = addInts(start, size)
      return sliced(c, self, axis, { start: from, end: start, step: 1n })
    }),
  )
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
  if (size instanceof Sym)
    return refuse(
      `a dimension of size ${show(size)} is split into an unknown number of pieces; give it a number`,
    )
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
    return refuse(
      `pieces of ${showShape(sizes)} do not make up a dimension of size ${show(sizeAt(self.ref, axis))}`,
    )
  return pieces(c, self, axis, sizes)
}

function chunk(c: Context, a: Arguments): List {
  const self = a.tensor('self')
  const axis = a.axis('dim', self.ref.rank)
  const [size, count] = [sizeAt(self.ref, axis), a.number('chunks')]
  if (size instanceof Sym) {
    const each = exactQuotient(size, BigInt(count))
    if (each === undefined)
      return refuse(
        `whether a dimension of size ${show(size)} has ${count} pieces depends on the input; give it a number`,
      )
    return pieces(
      c,
      self,
      axis,
      Array.from({ length: count }, () => each),
    )
  }
  return pieces(c, self, axis, evenSizes(size, Math.max(Math.ceil(Number(size) / count), 1)))
}

function tensorSplit(c: Context, a: Arguments): List {
  const self = a.tensor('self')
  const axis = a.axis('dim', self.ref.rank)
  const size = staticSize(self.ref, axis)
  if (a.has('indices')) {
    const ends = [
      ...a.numbers('indices').map(each => Math.min(Math.max(each < 0 ? each + size : each, 0), size)),
      size,
    ]
    return pieces(
      c,
      self,
      axis,
      ends.map((end, index) => BigInt(Math.max(end - (ends[index - 1] ?? 0), 0))),
    )
  }
  const count = a.number('sections')
  const sizes = Array.from({ length: count }, (_, index) =>
    BigInt(Math.floor(size / count) + (index < size % count ? 1 : 0)),
  )
  return pieces(c, self, axis, sizes)
}

function unbind(c: Context, a: Arguments): List {
  const self = a.tensor('self')
  const axis = a.axis('dim', self.ref.rank)
  const size = sizeAt(self.ref, axis)
  if (size instanceof Sym) return refuse(`a dimension of size ${show(size)} is taken apart; give it a number`)
  return new List(Array.from({ length: Number(size) }, (_, index) => selected(c, self, axis, BigInt(index))))
}

/** Parts of a tensor, which show its memory. */
export const slicing: Operators = {
  slice,
  select,
  narrow,
  chunk,
  unsafe_chunk: chunk,
  split,
  unsafe_split: split,
  split_with_sizes: splitWithSizes,
  unsafe_split_with_sizes: splitWithSizes,
  tensor_split: tensorSplit,
  unbind,
}
