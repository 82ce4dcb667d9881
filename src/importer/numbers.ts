import type { Context } from './context.ts'
import { dtype } from './dtypes.ts'
import { cast, elementwise, toRef } from './emit.ts'
import { refuse } from './refusal.ts'
import type { Ref } from './ref.ts'
import {
  addInts,
  equalInts,
  floorDivInts,
  lessThan,
  maxInts,
  minInts,
  modInts,
  mulInts,
  subInts,
  Sym,
  type Int,
} from './sym.ts'
import { isInt, Scalar, type Value } from './values.ts'

/** A number of the program: known, symbolic, or known only when the model runs. */
export type Numeric = Int | number | boolean | Scalar

export function isNumeric(value: Value | undefined): value is Numeric {
  return isInt(value) || typeof value === 'number' || typeof value === 'boolean' || value instanceof Scalar
}

const isFloat = (value: Numeric) =>
  typeof value === 'number' || (value instanceof Scalar && value.type === 'float')

/** Python's arithmetic on two numbers. `div` is `/`, `floordiv` is `//`, `remainder` is `%`. */
export type Arithmetic = 'add' | 'sub' | 'mul' | 'div' | 'floordiv' | 'remainder' | 'pow' | 'min' | 'max'
export type Comparison = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge'

const onInts: Partial<Record<Arithmetic, (a: Int, b: Int) => Int>> = {
  add: addInts,
  sub: subInts,
  mul: mulInts,
  floordiv: floorDivInts,
  remainder: modInts,
  min: minInts,
  max: maxInts,
}

const onFloats: Record<Arithmetic, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => (b === 0 ? refuse('division by zero') : a / b),
  floordiv: (a, b) => (b === 0 ? refuse('division by zero') : Math.floor(a / b)),
  remainder: (a, b) => (b === 0 ? refuse('division by zero') : a - Math.floor(a / b) * b),
  pow: (a, b) => a ** b,
  min: (a, b) => Math.min(a, b),
  max: (a, b) => Math.max(a, b),
}

export function arithmetic(c: Context, op: Arithmetic, a: Numeric, b: Numeric): Numeric {
  const [left, right] = [withoutBool(c, a), withoutBool(c, b)]
  if (isInt(left) && isInt(right) && op !== 'div') return wholeArithmetic(c, op, left, right)
  if (isPlain(left) && isPlain(right)) return onFloats[op](Number(left), Number(right))
  return runtimeArithmetic(c, op, left, right)
}

function wholeArithmetic(c: Context, op: Arithmetic, a: Int, b: Int): Numeric {
  const exact = onInts[op]
  if (exact !== undefined) return exact(a, b)
  if (typeof a === 'bigint' && typeof b === 'bigint') {
    if (b < 0n) return Number(a) ** Number(b)
    return b > 64n && a > 1n ? refuse('a power is too large') : a ** b
  }
  if (typeof b === 'bigint' && b >= 0n && b <= 4n)
    return Array.from({ length: Number(b) }).reduce<Int>(power => mulInts(power, a), 1n)
  return runtimeArithmetic(c, op, a, b)
}

const isPlain = (value: Int | number | Scalar): value is bigint | number =>
  typeof value === 'bigint' || typeof value === 'number'

function withoutBool(c: Context, value: Numeric): Int | number | Scalar {
  if (typeof value === 'boolean') return value ? 1n : 0n
  if (value instanceof Scalar && value.type === 'bool') return c.g.dataInt(cast(c, value.ref, dtype.int64))
  return value
}

const NODES: Partial<Record<Arithmetic, string>> = {
  add: 'Add',
  sub: 'Sub',
  mul: 'Mul',
  div: 'Div',
  pow: 'Pow',
  min: 'Min',
  max: 'Max',
}

/** In float64, as Python computes. */
function runtimeArithmetic(
  c: Context,
  op: Arithmetic,
  a: Int | number | Scalar,
  b: Int | number | Scalar,
): Numeric {
  const [left, right] = [toRef(c, a, dtype.float64), toRef(c, b, dtype.float64)]
  const node = NODES[op]
  if (node !== undefined) return new Scalar('float', elementwise(c, node, [left, right]))
  const floor = elementwise(c, 'Floor', [elementwise(c, 'Div', [left, right])])
  if (op === 'floordiv') return new Scalar('float', floor)
  return new Scalar('float', elementwise(c, 'Sub', [left, elementwise(c, 'Mul', [floor, right])]))
}

/** True, false, or a truth value of the running model. */
export function compare(c: Context, op: Comparison, a: Numeric, b: Numeric): boolean | Scalar {
  const known = decide(op, a, b)
  if (known !== undefined) return known
  const type = isFloat(a) || isFloat(b) ? dtype.float64 : dtype.int64
  return new Scalar('bool', compareRefs(c, op, toRef(c, a, type), toRef(c, b, type)))
}

function decide(op: Comparison, a: Numeric, b: Numeric): boolean | undefined {
  if (a instanceof Scalar || b instanceof Scalar) return undefined
  if (!(a instanceof Sym) && !(b instanceof Sym)) return decidePlain(op, a, b)
  if (typeof a === 'number' || typeof b === 'number') return undefined
  const [left, right] = [typeof a === 'boolean' ? BigInt(a) : a, typeof b === 'boolean' ? BigInt(b) : b]
  return decideInts(op, left, right)
}

/** JavaScript compares bigint and number by value. */
const onPlain: Record<Comparison, (a: bigint | number, b: bigint | number) => boolean> = {
  // === would tell 1n from 1.
  eq: (a, b) => a <= b && a >= b,
  ne: (a, b) => !(a <= b && a >= b),
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
}

function decidePlain(op: Comparison, a: bigint | number | boolean, b: bigint | number | boolean): boolean {
  return onPlain[op](typeof a === 'boolean' ? Number(a) : a, typeof b === 'boolean' ? Number(b) : b)
}

function decideInts(op: Comparison, a: Int, b: Int): boolean | undefined {
  switch (op) {
    case 'eq':
      return equalInts(a, b)
    case 'ne':
      return negate(equalInts(a, b))
    case 'lt':
      return lessThan(a, b)
    case 'gt':
      return lessThan(b, a)
    case 'le':
      return negate(lessThan(b, a))
    case 'ge':
      return negate(lessThan(a, b))
  }
}

const negate = (value: boolean | undefined) => (value === undefined ? undefined : !value)

const COMPARISONS: Record<Comparison, string> = {
  eq: 'Equal',
  ne: 'Equal',
  lt: 'Less',
  le: 'LessOrEqual',
  gt: 'Greater',
  ge: 'GreaterOrEqual',
}

/** Compares tensors of one type elementwise. */
export function compareRefs(c: Context, op: Comparison, a: Ref, b: Ref): Ref {
  const result = elementwise(c, COMPARISONS[op], [a, b], dtype.bool)
  return op === 'ne' ? c.op('Not', [result], { dtype: dtype.bool, shape: result.shape }) : result
}

/** A truth value negated. */
export function not(c: Context, value: boolean | Scalar): boolean | Scalar {
  if (typeof value === 'boolean') return !value
  return new Scalar('bool', c.op('Not', [value.ref], { dtype: dtype.bool, shape: [] }))
}

export function both(
  c: Context,
  op: 'And' | 'Or',
  a: boolean | Scalar,
  b: boolean | Scalar,
): boolean | Scalar {
  const decisive = op === 'Or'
  if (a === decisive || b === decisive) return decisive
  if (typeof a === 'boolean') return b
  if (typeof b === 'boolean') return a
  return new Scalar('bool', elementwise(c, op, [a.ref, b.ref], dtype.bool))
}

/** A function of one number, computed now or in float64 when the model runs. */
export function unaryFloat(
  c: Context,
  value: Numeric,
  now: (x: number) => number,
  node: string,
): number | Scalar {
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return now(Number(value))
  const ref = toRef(c, value, dtype.float64)
  return new Scalar('float', c.op(node, [ref], { dtype: dtype.float64, shape: [] }))
}
