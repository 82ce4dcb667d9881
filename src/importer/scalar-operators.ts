import { itemsOf } from './access.ts'
import { describe } from './arguments.ts'
import { toTruth, toWhole } from './conversions.ts'
import type { Context } from './context.ts'
import {
  arithmetic,
  both,
  compare,
  isNumeric,
  not,
  unaryFloat,
  type Arithmetic,
  type Comparison,
  type Numeric,
} from './numbers.ts'
import { refuse } from './refusal.ts'
import { Dict, Instance, isInt, List, Opaque, Scalar, Tuple, type Value } from './values.ts'
import { Tensor } from './tensor.ts'
import { toKey } from './keys.ts'

/** An operator of the language on anything but tensors; undefined where it does not apply to these values. */
export type ScalarOperator = (c: Context, args: readonly Value[]) => Value | undefined

/** Are these two the same? Numbers that are known only when the model runs give a truth value of the model. */
export function equalValues(c: Context, a: Value, b: Value): boolean | Scalar {
  if (isNumeric(a) && isNumeric(b)) return compare(c, 'eq', a, b)
  const [left, right] = [sequence(a), sequence(b)]
  if (left !== undefined && right !== undefined) return equalItems(c, left, right)
  if (a instanceof Opaque && b instanceof Opaque) return a.what === 'device' && b.what === 'device'
  if (a instanceof Tensor || b instanceof Tensor) return refuse('tensors within lists are compared')
  return a === b
}

function equalItems(c: Context, left: readonly Value[], right: readonly Value[]): boolean | Scalar {
  if (left.length !== right.length) return false
  return left.reduce<boolean | Scalar>(
    (all, item, index) => both(c, 'And', all, equalValues(c, item, right[index] ?? null)),
    true,
  )
}

function sequence(value: Value): readonly Value[] | undefined {
  if (value instanceof List) return itemsOf(value)
  return value instanceof Tuple ? value.items : undefined
}

const numeric =
  (op: Arithmetic): ScalarOperator =>
  (c, [a, b]) =>
    isNumeric(a) && isNumeric(b) ? arithmetic(c, op, a, b) : undefined

const comparison =
  (op: Comparison): ScalarOperator =>
  (c, [a, b]) => {
    if (isNumeric(a) && isNumeric(b)) return compare(c, op, a, b)
    return typeof a === 'string' && typeof b === 'string' ? compareTexts(op, a, b) : undefined
  }

function compareTexts(op: Comparison, a: string, b: string): boolean {
  const results = { eq: a === b, ne: a !== b, lt: a < b, le: a <= b, gt: a > b, ge: a >= b }
  return results[op]
}

const holdsTensor = (value: Value | undefined) => value === undefined || value instanceof Tensor

const equality =
  (wanted: boolean): ScalarOperator =>
  (c, [a, b]) => {
    if (a === undefined || b === undefined || holdsTensor(a) || holdsTensor(b)) return undefined
    const equal = equalValues(c, a, b)
    return wanted ? equal : not(c, equal)
  }

const identity =
  (wanted: boolean): ScalarOperator =>
  (_, [a, b]) =>
    sameThing(a, b) ? wanted : !wanted

function sameThing(a: Value | undefined, b: Value | undefined): boolean {
  return a === b
}

const logic =
  (op: 'And' | 'Or'): ScalarOperator =>
  (c, [a, b]) => {
    if (isInt(a) && isInt(b))
      return typeof a === 'bigint' && typeof b === 'bigint' ? (op === 'And' ? a & b : a | b) : undefined
    return isTruth(a) && isTruth(b) ? both(c, op, a, b) : undefined
  }

const isTruth = (value: Value | undefined): value is boolean | Scalar =>
  typeof value === 'boolean' || (value instanceof Scalar && value.type === 'bool')

const float =
  (now: (x: number) => number, node: string): ScalarOperator =>
  (c, [value]) =>
    isNumeric(value) ? unaryFloat(c, value, now, node) : undefined

/** floor and ceil give whole numbers. */
const rounding =
  (now: (x: number) => number, node: string): ScalarOperator =>
  (c, [value]) => {
    if (isInt(value)) return value
    return isNumeric(value) ? toWhole(c, unaryFloat(c, value, now, node)) : undefined
  }

const extreme =
  (op: 'min' | 'max'): ScalarOperator =>
  (c, [a, b]) => {
    if (isNumeric(a) && isNumeric(b)) return arithmetic(c, op, a, b)
    if (b !== undefined || !(a instanceof List) || a.items.some(item => !isNumeric(item))) return undefined
    const items = itemsOf(a) as readonly Numeric[]
    return items.length === 0
      ? refuse(`${op}() of an empty list`)
      : items.reduce((x, y) => arithmetic(c, op, x, y))
  }

const quantifier =
  (op: 'And' | 'Or'): ScalarOperator =>
  (c, [list]) => {
    if (!(list instanceof List)) return undefined
    return itemsOf(list).reduce<boolean | Scalar>(
      (result, item) => both(c, op, result, toTruth(c, item)),
      op === 'And',
    )
  }

function absolute(c: Context, value: Numeric): Value {
  if (typeof value === 'bigint') return value < 0n ? -value : value
  if (isInt(value)) return arithmetic(c, 'max', value, arithmetic(c, 'mul', value, -1n))
  return unaryFloat(c, value, Math.abs, 'Abs')
}

function contains(c: Context, [holder, key]: readonly Value[]): Value | undefined {
  if (holder instanceof Dict) return holder.entries.has(toKey(key ?? null))
  if (typeof holder === 'string') return typeof key === 'string' && holder.includes(key)
  if (!(holder instanceof List) || key === undefined) return undefined
  return itemsOf(holder).reduce<boolean | Scalar>(
    (any, item) => both(c, 'Or', any, equalValues(c, item, key)),
    false,
  )
}

/** `"a {} b".format(x)`. */
function format(_: Context, [text, ...values]: readonly Value[]): Value | undefined {
  if (typeof text !== 'string') return undefined
  let next = 0
  return text.replace(/\{\}/g, () => {
    const value = values[next++] ?? null
    return typeof value === 'string' ? value : describe(value)
  })
}

/** Numbers, truth values, texts and what lists have in common with them, by the names of their operators. */
export const scalarOperators = new Map<string, ScalarOperator>([
  ['aten::add', (c, args) => joined(args) ?? numeric('add')(c, args)],
  ['aten::sub', numeric('sub')],
  ['aten::mul', (c, args) => repeated(args) ?? numeric('mul')(c, args)],
  ['aten::div', numeric('div')],
  ['aten::truediv', numeric('div')],
  ['aten::floordiv', numeric('floordiv')],
  ['aten::floor_divide', numeric('floordiv')],
  ['aten::remainder', numeric('remainder')],
  ['aten::pow', numeric('pow')],
  ['aten::neg', (c, [value]) => (isNumeric(value) ? arithmetic(c, 'mul', value, -1n) : undefined)],
  ['aten::abs', (c, [value]) => (isNumeric(value) ? absolute(c, value) : undefined)],
  ['aten::eq', equality(true)],
  ['aten::ne', equality(false)],
  ['aten::lt', comparison('lt')],
  ['aten::le', comparison('le')],
  ['aten::gt', comparison('gt')],
  ['aten::ge', comparison('ge')],
  ['aten::__is__', identity(true)],
  ['aten::__isnot__', identity(false)],
  ['aten::__not__', (c, [value]) => (isTruth(value) ? not(c, value) : undefined)],
  ['aten::__and__', logic('And')],
  ['aten::__or__', logic('Or')],
  ['aten::sqrt', float(Math.sqrt, 'Sqrt')],
  ['aten::exp', float(Math.exp, 'Exp')],
  ['aten::log', float(Math.log, 'Log')],
  ['aten::sin', float(Math.sin, 'Sin')],
  ['aten::cos', float(Math.cos, 'Cos')],
  ['aten::tanh', float(Math.tanh, 'Tanh')],
  ['aten::floor', rounding(Math.floor, 'Floor')],
  ['aten::ceil', rounding(Math.ceil, 'Ceil')],
  ['prim::min', extreme('min')],
  ['prim::max', extreme('max')],
  ['prim::abs', (c, [value]) => (isNumeric(value) ? absolute(c, value) : undefined)],
  ['aten::any', quantifier('Or')],
  ['aten::all', quantifier('And')],
  ['aten::__contains__', contains],
  ['aten::format', format],
  ['aten::is_grad_enabled', () => true],
  ['aten::is_autocast_enabled', () => false],
  ['aten::is_autocast_cpu_enabled', () => false],
  ['aten::is_scripting', () => true],
  ['aten::warn', () => null],
  ['prim::unchecked_unwrap_optional', (_, [value]) => value],
  ['prim::device', device],
  ['aten::device', () => new Opaque('device', 'cpu')],
  ['prim::type', (_, [value]) => (value instanceof Opaque && value.what === 'device' ? 'cpu' : undefined)],
  ['prim::index', (_, [value]) => (value instanceof Opaque ? null : undefined)],
  ['aten::len', length],
  ['aten::Int', (c, [value]) => (value === undefined ? undefined : toWhole(c, value))],
  ['aten::Bool', (c, [value]) => (value === undefined ? undefined : toTruth(c, value))],
  ['aten::hash', () => refuse('hash() cannot be imported')],
])

function device(_: Context, [value]: readonly Value[]): Value | undefined {
  return value instanceof Tensor || typeof value === 'string' ? new Opaque('device', 'cpu') : undefined
}

function length(_: Context, [value]: readonly Value[]): Value | undefined {
  if (typeof value === 'string') return BigInt(Array.from(value).length)
  if (value instanceof Dict) return BigInt(value.entries.size)
  if (value instanceof Instance) return undefined
  if (!(value instanceof List)) return undefined
  if (value.locked !== undefined) refuse(value.locked)
  if (value.scanned === undefined) return BigInt(value.items.length)
  return value.items.length === 0
    ? (value.scanned.stacked.shape[0] ?? 0n)
    : refuse('the length of a list that a loop extended')
}

function joined([a, b]: readonly Value[]): Value | undefined {
  if (typeof a === 'string' && typeof b === 'string') return a + b
  return a instanceof List && b instanceof List ? new List([...itemsOf(a), ...itemsOf(b)]) : undefined
}

function repeated([a, b]: readonly Value[]): Value | undefined {
  const [list, count] = a instanceof List ? [a, b] : [b, a]
  if (!(list instanceof List) || typeof count !== 'bigint') return undefined
  if (Number(count) * list.items.length > 100_000) refuse('a list gets too long')
  return new List(Array.from({ length: Math.max(Number(count), 0) }, () => itemsOf(list)).flat())
}
