import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype, factsOf, isFloating, type Dtype } from '../dtypes.ts'
import { cast, elementwise, operand, resultType, toRef, type Operand } from '../emit.ts'
import type { Operator, Operators } from '../operator.ts'
import { compareRefs, type Comparison } from '../numbers.ts'
import { refuse } from '../refusal.ts'
import { Ref, type Element } from '../ref.ts'
import { addInts, boundsOf, floorDivInts, modInts, mulInts, subInts, Sym, type Int } from '../sym.ts'
import { Tensor } from '../tensor.ts'
import { isInt, type Value } from '../values.ts'
import { add, div, notRef, number, reciprocal, sub, truncate, unary, where } from './pointwise.ts'

/** The two operands in the type that PyTorch computes in. */
export function promoted(
  c: Context,
  a: Arguments,
  names: readonly [string, string] = ['self', 'other'],
  atLeast?: Dtype,
): [Ref, Ref] {
  const operands = names.map(name => operand(a.value(name), name))
  return together(c, operands, atLeast) as [Ref, Ref]
}

/** Operands in their common type; `atLeast` lifts whole numbers to it. */
export function together(c: Context, operands: readonly Operand[], atLeast?: Dtype): Ref[] {
  const common = resultType(operands)
  const type =
    atLeast !== undefined && factsOf(common).category < factsOf(atLeast).category ? atLeast : common
  return operands.map(each => toRef(c, each, type))
}

/** Whole numbers known while importing stay known: sizes are computed with them. */
function fold(x: Ref, y: Ref, now: (a: Int, b: Int) => Int): Ref | undefined {
  if (x.dtype !== dtype.int64 || x.known === undefined || y.known === undefined) return undefined
  const [left, right] = [x.known, y.known]
  const wide = left.length >= right.length ? x : y
  if (!fitsElementwise(x, y) || wide.rank < Math.max(x.rank, y.rank)) return undefined
  const elements = (wide.known ?? []).map((_, index) => foldOne(at(left, index), at(right, index), now))
  if (!elements.every(element => element !== undefined)) return undefined
  return new Ref(dtype.int64, wide.shape, { kind: 'known', elements })
}

/** One element, or the very same shape. */
function fitsElementwise(x: Ref, y: Ref): boolean {
  if (x.known?.length === 1 || y.known?.length === 1) return true
  return x.rank === y.rank && x.shape.every((size, axis) => size === y.shape[axis])
}

const at = (elements: readonly Element[], index: number) => elements[elements.length === 1 ? 0 : index]

function foldOne(
  a: Element | undefined,
  b: Element | undefined,
  now: (a: Int, b: Int) => Int,
): Int | undefined {
  return isWhole(a) && isWhole(b) ? now(a, b) : undefined
}

function isWhole(element: Element | undefined): element is Int {
  return typeof element === 'bigint' || element instanceof Sym
}

function scaled(c: Context, a: Arguments, ref: Ref): Ref {
  const alpha = a.has('alpha') ? a.value('alpha') : 1n
  if (alpha === 1n || alpha === 1) return ref
  const factor = toRef(c, operand(alpha, 'alpha'), ref.dtype)
  return fold(ref, factor, mulInts) ?? elementwise(c, 'Mul', [ref, factor])
}

function plus(c: Context, a: Arguments): Ref {
  const [x, y] = promoted(c, a)
  if (x.dtype === dtype.bool)
    return a.value('alpha') === 1n
      ? elementwise(c, 'Or', [x, y])
      : refuse('truth values are added with a factor')
  const other = scaled(c, a, y)
  return fold(x, other, addInts) ?? elementwise(c, 'Add', [x, other])
}

function minus(c: Context, a: Arguments, swapped: boolean): Ref {
  const [x, y] = promoted(c, a)
  if (x.dtype === dtype.bool) return refuse('truth values cannot be subtracted')
  const [left, right] = swapped ? [y, scaled(c, a, x)] : [x, scaled(c, a, y)]
  return fold(left, right, subInts) ?? elementwise(c, 'Sub', [left, right])
}

function times(c: Context, a: Arguments): Ref {
  const [x, y] = promoted(c, a)
  if (x.dtype === dtype.bool) return elementwise(c, 'And', [x, y])
  return fold(x, y, mulInts) ?? elementwise(c, 'Mul', [x, y])
}

/** Before version 4, whole numbers were divided to whole numbers. */
function refuseOldDivision(c: Context, a: Arguments): void {
  if (c.version < 4 && !isFloating(promoted(c, a)[0].dtype))
    refuse('whole numbers are divided in an archive older than PyTorch 1.6, where that meant something else')
}

function divide(c: Context, a: Arguments): Ref {
  refuseOldDivision(c, a)
  const mode = a.has('rounding_mode') ? a.value('rounding_mode') : null
  if (mode === null) return elementwise(c, 'Div', promoted(c, a, undefined, dtype.float32))
  const [x, y] = promoted(c, a)
  if (mode === 'floor') return floorDivide(c, x, y)
  if (mode !== 'trunc') return refuse('its argument rounding_mode is not known')
  // For sizes, which are not below zero, rounding towards zero is rounding down.
  const known = isSize(x) && isSize(y) ? fold(x, y, floorDivInts) : undefined
  if (known !== undefined) return known
  const quotient = elementwise(c, 'Div', [x, y])
  return isFloating(x.dtype) ? truncate(c, quotient) : quotient
}

function isSize(ref: Ref): boolean {
  return ref.known?.every(element => isWhole(element) && (boundsOf(element).min ?? -1n) >= 0n) ?? false
}

/** Rounded down; for fractions with the very steps of PyTorch, which differ from floor(x / y) in the last digit. */
function floorDivide(c: Context, x: Ref, y: Ref): Ref {
  const known = fold(x, y, floorDivInts)
  if (known !== undefined) return known
  if (!isFloating(x.dtype)) {
    const rest = elementwise(c, 'Mod', [x, y])
    return elementwise(c, 'Div', [elementwise(c, 'Sub', [x, rest]), y])
  }
  const rest = fmod(c, x, y)
  const exact = div(c, elementwise(c, 'Sub', [x, rest]), y)
  const lowered = where(c, wrongSign(c, rest, y), sub(c, exact, 1), exact)
  const floored = unary(c, 'Floor', lowered)
  const late = elementwise(
    c,
    'Greater',
    [elementwise(c, 'Sub', [lowered, floored]), number(c, x, 0.5)],
    dtype.bool,
  )
  const result = where(c, late, add(c, floored, 1), floored)
  // Division by zero gives what plain division gives.
  const zero = elementwise(c, 'Equal', [y, number(c, y, 0)], dtype.bool)
  return where(c, zero, elementwise(c, 'Div', [x, y]), result)
}

function fmod(c: Context, x: Ref, y: Ref): Ref {
  const result = elementwise(c, 'Mod', [x, y])
  return c.op('Mod', [x, y], { dtype: result.dtype, shape: result.shape }, { fmod: { int: 1 } })
}

/** Whether a remainder is not zero and its sign is not the divisor's. */
function wrongSign(c: Context, rest: Ref, y: Ref): Ref {
  const some = notRef(c, elementwise(c, 'Equal', [rest, number(c, rest, 0)], dtype.bool))
  const negative = (ref: Ref) => elementwise(c, 'Less', [ref, number(c, ref, 0)], dtype.bool)
  const differ = elementwise(c, 'Xor', [negative(rest), negative(y)], dtype.bool)
  return elementwise(c, 'And', [some, differ], dtype.bool)
}

function remainder(c: Context, a: Arguments): Ref {
  const [x, y] = promoted(c, a)
  const known = fold(x, y, modInts)
  if (known !== undefined) return known
  if (!isFloating(x.dtype)) return elementwise(c, 'Mod', [x, y])
  const rest = fmod(c, x, y)
  return where(c, wrongSign(c, rest, y), elementwise(c, 'Add', [rest, y]), rest)
}

function power(c: Context, a: Arguments): Ref {
  const exponent = a.value('exponent')
  const [x, y] = promoted(c, a, ['self', 'exponent'])
  if (x.dtype === dtype.bool) return refuse('truth values have no powers')
  if (!isFloating(x.dtype)) return wholePower(c, x, y, exponent)
  if (exponent === 2n || exponent === 2) return elementwise(c, 'Mul', [x, x])
  if (exponent === 0.5) return unary(c, 'Sqrt', x)
  if (exponent === -0.5) return reciprocal(c, unary(c, 'Sqrt', x))
  return elementwise(c, 'Pow', [x, y])
}

function wholePower(c: Context, x: Ref, y: Ref, exponent: Value): Ref {
  if (!isInt(exponent) || (typeof exponent === 'bigint' && exponent < 0n))
    if (!(exponent instanceof Tensor)) return refuse('a whole number is raised to a power that is not one')
  const square = exponent === 2n ? fold(x, x, mulInts) : undefined
  return square ?? elementwise(c, 'Pow', [x, y])
}

/** The larger or smaller; ONNX Runtime hands not-a-number on, as PyTorch does. */
const extreme =
  (type: string): Operator =>
  (c, a) => {
    const [x, y] = promoted(c, a)
    return elementwise(c, x.dtype === dtype.bool ? (type === 'Max' ? 'Or' : 'And') : type, [x, y])
  }

/** `max` and `min` that prefer a number over not-a-number. */
const numberExtreme =
  (type: string): Operator =>
  (c, a) => {
    const [x, y] = promoted(c, a)
    const result = elementwise(c, type, [x, y])
    if (!isFloating(x.dtype)) return result
    const missing = (ref: Ref) => c.op('IsNaN', [ref], { dtype: dtype.bool, shape: ref.shape })
    return where(c, missing(x), y, where(c, missing(y), x, result))
  }

function clamp(c: Context, a: Arguments, names: readonly [string | undefined, string | undefined]): Ref {
  const [min, max] = names.map(name =>
    name === undefined || a.value(name) === null ? undefined : operand(a.value(name), name),
  )
  const self = a.ref('self')
  const operands = [self, min, max].filter(each => each !== undefined)
  const type = resultType(operands)
  // A limit may not fit into the tensor's own few bits.
  const inside = isFloating(type) ? type : dtype.int64
  let result = cast(c, self, inside)
  if (min !== undefined) result = elementwise(c, 'Max', [result, toRef(c, min, inside)])
  if (max !== undefined) result = elementwise(c, 'Min', [result, toRef(c, max, inside)])
  return cast(c, result, type)
}

const comparison =
  (op: Comparison): Operator =>
  (c, a) => {
    const [x, y] = promoted(c, a)
    if (x.dtype !== dtype.bool || op === 'eq' || op === 'ne') return compareRefs(c, op, x, y)
    return compareRefs(c, op, cast(c, x, dtype.int32), cast(c, y, dtype.int32))
  }

const logical =
  (type: string): Operator =>
  (c, a) => {
    const truths = ['self', 'other'].map(name => cast(c, a.ref(name), dtype.bool))
    return elementwise(c, type, truths)
  }

const bitwise =
  (onTruth: string, onBits: string): Operator =>
  (c, a) => {
    const [x, y] = promoted(c, a)
    if (isFloating(x.dtype)) return refuse('it is not defined for fractions')
    return elementwise(c, x.dtype === dtype.bool ? onTruth : onBits, [x, y])
  }

/** Arithmetic, comparisons and logic on two tensors, or a tensor and a number. */
export const arithmetic: Operators = {
  add: plus,
  sub: (c, a) => minus(c, a, false),
  subtract: (c, a) => minus(c, a, false),
  rsub: (c, a) => minus(c, a, true),
  mul: times,
  multiply: times,
  div: divide,
  divide,
  true_divide: divide,
  floor_divide: (c, a) => floorDivide(c, ...promoted(c, a)),
  remainder,
  fmod: (c, a) => fmod(c, ...promoted(c, a)),
  pow: power,
  maximum: extreme('Max'),
  minimum: extreme('Min'),
  fmax: numberExtreme('Max'),
  fmin: numberExtreme('Min'),
  clamp: (c, a) => clamp(c, a, ['min', 'max']),
  clip: (c, a) => clamp(c, a, ['min', 'max']),
  clamp_min: (c, a) => clamp(c, a, ['min', undefined]),
  clamp_max: (c, a) => clamp(c, a, [undefined, 'max']),
  eq: comparison('eq'),
  ne: comparison('ne'),
  not_equal: comparison('ne'),
  lt: comparison('lt'),
  less: comparison('lt'),
  le: comparison('le'),
  less_equal: comparison('le'),
  gt: comparison('gt'),
  greater: comparison('gt'),
  ge: comparison('ge'),
  greater_equal: comparison('ge'),
  logical_and: logical('And'),
  logical_or: logical('Or'),
  logical_xor: logical('Xor'),
  bitwise_and: bitwise('And', 'BitwiseAnd'),
  bitwise_or: bitwise('Or', 'BitwiseOr'),
  bitwise_xor: bitwise('Xor', 'BitwiseXor'),
  __and__: bitwise('And', 'BitwiseAnd'),
  __or__: bitwise('Or', 'BitwiseOr'),
  __xor__: bitwise('Xor', 'BitwiseXor'),
}
