import { dtype, factsOf, promote, type Dtype } from './dtypes.ts'
import type { Context } from './context.ts'
import { refuse } from './refusal.ts'
import { Ref, type Element } from './ref.ts'
import { equalInts, sameInt, show, Sym, type Atom, type Int } from './sym.ts'
import { Tensor } from './tensor.ts'
import { isInt, Scalar, type Value } from './values.ts'

/** A tensor, or a Python number. */
export type Operand = Ref | Scalar | Int | number | boolean

export function operand(value: Value, name: string): Operand {
  if (value instanceof Tensor) return value.ref
  const number =
    typeof value === 'number' || typeof value === 'boolean' || isInt(value) || value instanceof Scalar
  return number ? value : refuse(`its argument ${name} is neither a tensor nor a number`)
}

/** `[2, batch]`, for messages. */
export function showShape(shape: readonly Int[]): string {
  return `[${shape.map(show).join(', ')}]`
}

export function sizeAt(ref: Ref, axis: number): Int {
  return ref.shape[axis] ?? refuse(`a dimension ${axis} is expected of a tensor with ${ref.rank}`)
}

export function staticSize(ref: Ref, axis: number): number {
  const size = sizeAt(ref, axis)
  return size instanceof Sym
    ? refuse(
        `the size of dimension ${axis} must be known while importing, and is ${show(size)}; give it a number`,
      )
    : Number(size)
}

export function cast(c: Context, ref: Ref, to: Dtype): Ref {
  if (ref.dtype === to) return ref
  const { known } = ref
  if (known !== undefined) {
    const elements = known.map(element => castElement(element, to))
    if (elements.every(element => element !== undefined))
      return new Ref(to, ref.shape, { kind: 'known', elements })
  }
  return c.op('Cast', [ref], { dtype: to, shape: ref.shape }, { to: { int: factsOf(to).onnx } })
}

/** An element in another type, where that is exact and simple; undefined elsewhere. */
function castElement(element: Element, to: Dtype): Element | undefined {
  const { category } = factsOf(to)
  if (element instanceof Sym) return to === dtype.int64 || category === 2 ? element : undefined
  if (to === dtype.float32) return Math.fround(Number(element))
  if (to === dtype.float64) return Number(element)
  if (to === dtype.bool) return Number(element) !== 0
  return to === dtype.int64 ? toWhole(element) : undefined
}

function toWhole(element: bigint | number | boolean): bigint | undefined {
  if (typeof element === 'bigint') return element
  return Number.isFinite(Number(element)) ? BigInt(Math.trunc(Number(element))) : undefined
}

/** The category rule of PyTorch: tensors with dimensions, then those without, then numbers; each only lifts the category. */
export function resultType(operands: readonly Operand[]): Dtype {
  let [full, bare, number]: (Dtype | undefined)[] = [undefined, undefined, undefined]
  for (const each of operands) {
    const type = typeOf(each)
    if (!(each instanceof Ref) || each.wrapped) number = number === undefined ? type : promote(number, type)
    else if (each.rank === 0) bare = bare === undefined ? type : promote(bare, type)
    else full = full === undefined ? type : promote(full, type)
  }
  return combine(full, combine(bare, number)) ?? dtype.float32
}

function combine(higher: Dtype | undefined, lower: Dtype | undefined): Dtype | undefined {
  if (higher === undefined || lower === undefined) return higher ?? lower
  return factsOf(lower).category > factsOf(higher).category ? promote(higher, lower) : higher
}

function typeOf(value: Operand): Dtype {
  if (value instanceof Ref)
    return value.wrapped && value.dtype === dtype.float64 ? dtype.float32 : value.dtype
  if (typeof value === 'boolean') return dtype.bool
  if (value instanceof Scalar) return value.type === 'bool' ? dtype.bool : dtype.float32
  return isInt(value) ? dtype.int64 : dtype.float32
}

/** The operand as a tensor of the type. */
export function toRef(c: Context, value: Operand, type: Dtype): Ref {
  if (value instanceof Ref) return cast(c, value, type)
  if (value instanceof Scalar) return cast(c, value.ref, type)
  const natural = isInt(value) ? dtype.int64 : typeof value === 'boolean' ? dtype.bool : dtype.float64
  const wide = c.g.scalar(natural, value)
  const narrow = cast(c, wide, type)
  return narrow.content.kind === 'known' || isInt(value) ? narrow : c.g.scalar(type, value)
}

export function numberRef(c: Context, type: Dtype, value: number | bigint): Ref {
  return c.g.scalar(type, typeof value === 'bigint' && factsOf(type).category === 2 ? Number(value) : value)
}

/** The shape that two shapes broadcast to. Refuses sizes that are not known to agree. */
export function broadcast(a: readonly Int[], b: readonly Int[]): Int[] {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, index) => {
    const left = a[index - rank + a.length] ?? 1n
    const right = b[index - rank + b.length] ?? 1n
    return broadcastSize(left, right) ?? refuse(`the shapes ${showShape(a)} and ${showShape(b)} do not agree`)
  })
}

export function broadcastAll(shapes: readonly (readonly Int[])[]): Int[] {
  return shapes.reduce<Int[]>((a, b) => broadcast(a, b), [])
}

function broadcastSize(a: Int, b: Int): Int | undefined {
  if (sameInt(a, b) || b === 1n) return a
  if (a === 1n) return b
  return agreed(a, b)
}

/**
 * One size for two that the program needs to be equal, else it raises. They are when they are the same; and min(n, 64)
 * is n in every run in which it fits beside n.
 */
export function agreed(a: Int, b: Int): Int | undefined {
  if (sameInt(a, b)) return a
  if (equalInts(a, b) === false) return undefined
  if (isMinOf(a, b)) return b
  if (isMinOf(b, a)) return a
  return undefined
}

function isMinOf(a: Int, b: Int): boolean {
  const atom: Atom | undefined = a instanceof Sym ? a.single() : undefined
  if (atom?.source.kind !== 'derived' || atom.source.op !== 'min') return false
  const { left, right } = atom.source
  const key = show(b)
  const other = left.key === key ? right : right.key === key ? left : undefined
  const least = other === undefined ? 0 : Number(other.terms.get('')?.factor ?? 0n)
  return least > 1
}

/** Applies a node elementwise to operands of one type; the result has `out` or the same type. */
export function elementwise(c: Context, type: string, operands: readonly Ref[], out?: Dtype): Ref {
  const shape = broadcastAll(operands.map(each => each.shape))
  return c.op(type, operands, { dtype: out ?? operands[0]?.dtype ?? dtype.float32, shape })
}

/** Reshape to a shape of which most sizes come from the input itself. */
export function reshape(c: Context, ref: Ref, shape: readonly Int[]): Ref {
  if (shape.length === ref.rank && shape.every((size, axis) => sameInt(size, ref.shape[axis] ?? -1n)))
    return ref
  if (ref.known !== undefined && shape.every(size => typeof size === 'bigint'))
    return new Ref(ref.dtype, shape, { kind: 'known', elements: ref.known })
  const kind = { dtype: ref.dtype, shape }
  const unknown = shape.filter((size, axis) => size instanceof Sym && !sameInt(size, ref.shape[axis] ?? -1n))
  const empty = shape.includes(0n)
  if (unknown.length > 1 || empty) {
    const attributes = empty ? { allowzero: { int: 1 } } : undefined
    return c.op('Reshape', [ref, c.g.ints(shape)], kind, attributes)
  }
  const target = shape.map((size, axis) => {
    if (!(size instanceof Sym)) return size
    return sameInt(size, ref.shape[axis] ?? -1n) ? 0n : -1n
  })
  return c.op('Reshape', [ref, c.g.ints(target)], kind)
}

export function transpose(c: Context, ref: Ref, order: readonly number[]): Ref {
  if (order.every((axis, index) => axis === index)) return ref
  const shape = order.map(axis => sizeAt(ref, axis))
  return c.op('Transpose', [ref], { dtype: ref.dtype, shape }, { perm: { ints: order } })
}

export function unsqueeze(c: Context, ref: Ref, axes: readonly number[]): Ref {
  if (axes.length === 0) return ref
  const shape = [...ref.shape]
  for (const axis of [...axes].toSorted((a, b) => a - b)) shape.splice(axis, 0, 1n)
  if (ref.known !== undefined) return new Ref(ref.dtype, shape, { kind: 'known', elements: ref.known })
  return c.op('Unsqueeze', [ref, c.g.ints(axes)], { dtype: ref.dtype, shape })
}

export function squeeze(c: Context, ref: Ref, axes: readonly number[]): Ref {
  if (axes.length === 0) return ref
  const shape = ref.shape.filter((_, axis) => !axes.includes(axis))
  if (ref.known !== undefined) return new Ref(ref.dtype, shape, { kind: 'known', elements: ref.known })
  return c.op('Squeeze', [ref, c.g.ints(axes)], { dtype: ref.dtype, shape })
}

export function expand(c: Context, ref: Ref, shape: readonly Int[]): Ref {
  if (shape.length === ref.rank && shape.every((size, axis) => sameInt(size, ref.shape[axis] ?? -1n)))
    return ref
  return c.op('Expand', [ref, c.g.ints(shape)], { dtype: ref.dtype, shape })
}

/** The axes that a reduction goes over (all, if undefined), and whether they stay with a size of one. */
export interface Over {
  readonly axes: readonly number[] | undefined
  readonly keep: boolean
}

/** A reduction with its axes as an input (ONNX opset 18). No axes means all. */
export function reduce(c: Context, type: string, ref: Ref, { axes, keep }: Over): Ref {
  if (ref.rank === 0) return ref
  const all = axes ?? ref.shape.map((_, axis) => axis)
  const shape = keep
    ? ref.shape.map((size, axis) => (all.includes(axis) ? 1n : size))
    : ref.shape.filter((_, axis) => !all.includes(axis))
  const inputs = [ref, axes === undefined ? undefined : c.g.ints(all)]
  return c.op(type, inputs, { dtype: ref.dtype, shape }, { keepdims: { int: keep ? 1 : 0 } })
}

/** Slices one axis: `size` is the size of the result. */
export function sliceAxis(
  c: Context,
  ref: Ref,
  axis: number,
  range: { start: Int; end: Int; step?: bigint; size: Int },
): Ref {
  const { start, end, step = 1n, size } = range
  if (start === 0n && step === 1n && sameInt(size, sizeAt(ref, axis))) return ref
  const shape = ref.shape.map((old, index) => (index === axis ? size : old))
  const inputs = [ref, c.g.ints([start]), c.g.ints([end]), c.g.ints([axis]), c.g.ints([step])]
  return c.op('Slice', inputs, { dtype: ref.dtype, shape })
}

export function concat(c: Context, refs: readonly Ref[], axis: number, size: Int): Ref {
  const [first] = refs
  if (first === undefined) return refuse('nothing is concatenated')
  if (refs.length === 1) return first
  const shape = first.shape.map((old, index) => (index === axis ? size : old))
  return c.op('Concat', refs, { dtype: first.dtype, shape }, { axis: { int: axis } })
}

/** The same data in another order of axes around `work`: the axis comes last for it and goes back after. */
export function swapAxes(rank: number, a: number, b: number): number[] {
  const order = Array.from({ length: rank }, (_, axis) => axis)
  order[a] = b
  order[b] = a
  return order
}
