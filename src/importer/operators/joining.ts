import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import {
  agreed,
  broadcastAll,
  cast,
  concat,
  expand,
  reshape,
  resultType,
  showShape,
  sizeAt,
  sliceAxis,
  transpose,
  unsqueeze,
} from '../emit.ts'
import type { Operator, Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import { addInts, modInts, mulInts, product, subInts, type Int } from '../sym.ts'
import { Tensor } from '../tensor.ts'
import { List, type Value } from '../values.ts'

function sameTypes(c: Context, refs: readonly Ref[]): Ref[] {
  const type = resultType(refs)
  return refs.map(ref => cast(c, ref, type))
}

function joined(c: Context, given: readonly Ref[], axis: number): Ref {
  // An empty vector joins with anything.
  const refs = sameTypes(
    c,
    given.length > 1 ? given.filter(ref => !(ref.rank === 1 && ref.shape[0] === 0n)) : given,
  )
  const [first] = refs
  if (first === undefined) return refuse('it joins nothing')
  for (const ref of refs) {
    const fits =
      ref.rank === first.rank &&
      ref.shape.every((size, each) => each === axis || agreed(size, sizeAt(first, each)) !== undefined)
    if (!fits) refuse(`the shapes ${showShape(first.shape)} and ${showShape(ref.shape)} do not join`)
  }
  return concat(c, refs, axis, refs.map(ref => sizeAt(ref, axis)).reduce(addInts, 0n))
}

function cat(c: Context, a: Arguments): Ref {
  const value = a.value('tensors')
  if (value instanceof List && value.scanned !== undefined) return joinScanned(c, a, value)
  const refs = a.refs('tensors')
  const rank = Math.max(...refs.map(ref => ref.rank), 1)
  return joined(c, refs, a.axis('dim', rank))
}

/** What a loop collected, laid end to end along an axis. */
function joinScanned(c: Context, a: Arguments, list: List): Ref {
  const stacked = list.scanned?.stacked ?? refuse('it joins nothing')
  if (list.items.length > 0) return refuse('a list that a loop extended is joined')
  const axis = a.axis('dim', stacked.rank - 1)
  const order = stacked.shape
    .map((_, each) => each + 1)
    .slice(0, -1)
    .toSpliced(axis, 0, 0)
  const moved = transpose(c, stacked, order)
  const size = mulInts(sizeAt(moved, axis), sizeAt(moved, axis + 1))
  return reshape(c, moved, moved.shape.toSpliced(axis, 2, size))
}

function stack(c: Context, a: Arguments): Ref {
  const value = a.value('tensors')
  if (value instanceof List && value.scanned !== undefined) return stackScanned(c, a, value)
  const refs = sameTypes(c, a.refs('tensors'))
  const axis = a.axis('dim', (refs[0]?.rank ?? 0) + 1)
  return joined(
    c,
    refs.map(ref => unsqueeze(c, ref, [axis])),
    axis,
  )
}

function stackScanned(c: Context, a: Arguments, list: List): Ref {
  const stacked = list.scanned?.stacked ?? refuse('it stacks nothing')
  if (list.items.length > 0) return refuse('a list that a loop extended is stacked')
  const axis = a.axis('dim', stacked.rank)
  const order = stacked.shape
    .map((_, each) => each)
    .slice(1)
    .toSpliced(axis, 0, 0)
  return transpose(c, stacked, order)
}

const along =
  (axis: number, least: number): Operator =>
  (c, a) => {
    const refs = a.refs('tensors').map(ref => atLeast(c, ref, least))
    return joined(c, refs, axis === 1 && (refs[0]?.rank ?? 0) === 1 ? 0 : axis)
  }

function atLeast(c: Context, ref: Ref, rank: number): Ref {
  if (rank >= 1 && ref.rank === 0) return atLeast(c, unsqueeze(c, ref, [0]), rank)
  if (rank >= 2 && ref.rank === 1) return atLeast(c, unsqueeze(c, ref, [0]), rank)
  return rank >= 3 && ref.rank === 2 ? unsqueeze(c, ref, [2]) : ref
}

export function tile(c: Context, ref: Ref, repeats: readonly Int[]): Ref {
  const rank = Math.max(ref.rank, repeats.length)
  const full = reshape(c, ref, [...Array.from({ length: rank - ref.rank }, () => 1n), ...ref.shape])
  const times = [...Array.from({ length: rank - repeats.length }, () => 1n), ...repeats]
  const shape = full.shape.map((size, axis) => mulInts(size, times[axis] ?? 1n))
  if (times.every(each => each === 1n)) return full
  return c.op('Tile', [full, c.g.ints(times)], { dtype: ref.dtype, shape })
}

function repeat(c: Context, a: Arguments): Ref {
  const [ref, repeats] = [a.ref('self'), a.ints('repeats')]
  return repeats.length < ref.rank ? refuse('it has too few numbers of repeats') : tile(c, ref, repeats)
}

function repeatInterleave(c: Context, a: Arguments): Ref {
  if (!a.has('self')) return refuse('it is supported for a fixed number of repeats only')
  const repeats = a.value('repeats')
  if (repeats instanceof Tensor && repeats.ref.scalar === undefined)
    return refuse('it is supported for a fixed number of repeats only')
  const count = a.int('repeats')
  const flat = a.value('dim') === null
  const self = flat ? reshape(c, a.ref('self'), [product(a.ref('self').shape)]) : a.ref('self')
  const axis = flat ? 0 : a.axis('dim', self.rank)
  a.ignore('output_size')
  const wide = unsqueeze(c, self, [axis + 1])
  const spread = expand(
    c,
    wide,
    wide.shape.map((size, each) => (each === axis + 1 ? count : size)),
  )
  return reshape(
    c,
    spread,
    self.shape.map((size, each) => (each === axis ? mulInts(size, count) : size)),
  )
}

function flipAxes(c: Context, ref: Ref, axes: readonly number[]): Ref {
  if (axes.length === 0) return ref
  const inputs = [
    ref,
    c.g.ints(axes.map(() => -1)),
    c.g.ints(axes.map(() => -(2n ** 63n))),
    c.g.ints(axes),
    c.g.ints(axes.map(() => -1)),
  ]
  return c.op('Slice', inputs, { dtype: ref.dtype, shape: ref.shape })
}

function roll(c: Context, a: Arguments): Ref {
  const self = a.ref('self')
  const shifts = a.ints('shifts')
  const axes = a.axes('dims', self.rank)
  if (axes === undefined)
    return reshape(c, rollAxis(c, reshape(c, self, [product(self.shape)]), 0, shifts[0] ?? 0n), self.shape)
  return axes.reduce<Ref>((ref, axis, index) => rollAxis(c, ref, axis, shifts[index] ?? 0n), self)
}

function rollAxis(c: Context, ref: Ref, axis: number, shift: Int): Ref {
  const size = sizeAt(ref, axis)
  const by = modInts(shift, size)
  if (by === 0n) return ref
  const start = subInts(size, by)
  const tail = sliceAxis(c, ref, axis, { start, end: size, size: by })
  const head = sliceAxis(c, ref, axis, { start: 0n, end: start, size: start })
  return concat(c, [tail, head], axis, size)
}

function meshgrid(c: Context, a: Arguments): Value {
  const refs = a.refs('tensors').map(ref => (ref.rank === 0 ? unsqueeze(c, ref, [0]) : ref))
  const indexing = a.has('indexing') ? a.text('indexing') : 'ij'
  if (refs.length < 2 || indexing === 'ij') return new List(grid(c, refs).map(ref => c.tensor(ref)))
  const [first, second, ...rest] = refs
  const swapped = grid(
    c,
    [second, first, ...rest].filter(ref => ref !== undefined),
  )
  const [y, x, ...more] = swapped
  return new List([x, y, ...more].filter(ref => ref !== undefined).map(ref => c.tensor(ref)))
}

function grid(c: Context, refs: readonly Ref[]): Ref[] {
  const shape = refs.map(ref => sizeAt(ref, 0))
  return refs.map((ref, axis) =>
    expand(
      c,
      reshape(
        c,
        ref,
        shape.map((size, each) => (each === axis ? size : 1n)),
      ),
      shape,
    ),
  )
}

function broadcastTensors(c: Context, a: Arguments): Value {
  const tensors = a.tensors('tensors')
  const shape = broadcastAll(tensors.map(tensor => tensor.ref.shape))
  return new List(tensors.map(tensor => c.view(tensor, ref => expand(c, ref, shape))))
}

/** What puts tensors together or their elements into another order. */
export const joining: Operators = {
  cat,
  concat: cat,
  concatenate: cat,
  stack,
  hstack: along(1, 1),
  vstack: along(0, 2),
  dstack: along(2, 3),
  repeat,
  tile: (c, a) => tile(c, a.ref('self'), a.ints('dims')),
  repeat_interleave: repeatInterleave,
  flip: (c, a) => flipAxes(c, a.ref('self'), a.axes('dims', a.ref('self').rank) ?? []),
  fliplr: (c, a) => flipAxes(c, a.ref('self'), [1]),
  flipud: (c, a) => flipAxes(c, a.ref('self'), [0]),
  roll,
  meshgrid,
  broadcast_tensors: broadcastTensors,
  broadcast_to: (c, a) => expand(c, a.ref('self'), a.ints('size')),
}
