import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype, isFloating, type Dtype } from '../dtypes.ts'
import { cast, elementwise, numberRef } from '../emit.ts'
import type { Operator, Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'

/** Integers and truth values become float32 before a function that has fractions. */
export function toFloating(c: Context, ref: Ref): Ref {
  return isFloating(ref.dtype) ? ref : cast(c, ref, dtype.float32)
}

export function unary(c: Context, type: string, ref: Ref): Ref {
  return c.op(type, [ref], { dtype: ref.dtype, shape: ref.shape })
}

/** ONNX Runtime has these for float32 only. */
const NARROW = new Set([
  'Tan',
  'Asin',
  'Acos',
  'Atan',
  'Sinh',
  'Cosh',
  'Asinh',
  'Acosh',
  'Atanh',
  'Erf',
  'Softplus',
])

/** A function with fractions: float64 goes through float32 where ONNX Runtime knows no better. */
export function floating(c: Context, type: string, ref: Ref): Ref {
  const input = toFloating(c, ref)
  return NARROW.has(type) ? inFloat32(c, input, x => unary(c, type, x)) : unary(c, type, input)
}

/** Does `work` in float32 for float64, where ONNX Runtime has no other. */
export function inFloat32(c: Context, ref: Ref, work: (ref: Ref) => Ref): Ref {
  if (ref.dtype !== dtype.float64) return work(ref)
  c.warn('parts of the model that are in float64 are computed in float32')
  return cast(c, work(cast(c, ref, dtype.float32)), dtype.float64)
}

const float =
  (type: string): Operator =>
  (c, a) =>
    floating(c, type, a.ref('self'))

/** A formula over a floating-point tensor. */
const formula =
  (work: (c: Context, x: Ref, a: Arguments) => Ref): Operator =>
  (c, a) =>
    work(c, toFloating(c, a.ref('self')), a)

export const number = (c: Context, like: Ref, value: number): Ref => numberRef(c, like.dtype, value)

export const add = (c: Context, x: Ref, y: Ref | number): Ref =>
  elementwise(c, 'Add', [x, typeof y === 'number' ? number(c, x, y) : y])
export const sub = (c: Context, x: Ref, y: Ref | number): Ref =>
  elementwise(c, 'Sub', [x, typeof y === 'number' ? number(c, x, y) : y])
export const mul = (c: Context, x: Ref, y: Ref | number): Ref =>
  elementwise(c, 'Mul', [x, typeof y === 'number' ? number(c, x, y) : y])
export const div = (c: Context, x: Ref, y: Ref | number): Ref =>
  elementwise(c, 'Div', [x, typeof y === 'number' ? number(c, x, y) : y])

/** `condition ? x : y`; ONNX Runtime's Where knows no truth values. */
export function where(c: Context, condition: Ref, x: Ref, y: Ref): Ref {
  if (x.dtype === dtype.bool) {
    const bytes = elementwise(
      c,
      'Where',
      [condition, cast(c, x, dtype.uint8), cast(c, y, dtype.uint8)],
      dtype.uint8,
    )
    return cast(c, bytes, dtype.bool)
  }
  return elementwise(c, 'Where', [condition, x, y], x.dtype)
}

const rounding =
  (type: string): Operator =>
  (c, a) => {
    const ref = a.ref('self')
    return isFloating(ref.dtype) ? unary(c, type, ref) : ref
  }

export function truncate(c: Context, ref: Ref): Ref {
  if (!isFloating(ref.dtype)) return ref
  return mul(c, unary(c, 'Sign', ref), unary(c, 'Floor', unary(c, 'Abs', ref)))
}

function round(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  const decimals = a.has('decimals') ? a.number('decimals') : 0
  if (!isFloating(ref.dtype)) return ref
  if (decimals === 0) return unary(c, 'Round', ref)
  const scale = 10 ** Math.abs(decimals)
  return decimals > 0
    ? div(c, unary(c, 'Round', mul(c, ref, scale)), scale)
    : mul(c, unary(c, 'Round', div(c, ref, scale)), scale)
}

const sameType =
  (type: string): Operator =>
  (c, a) => {
    const ref = a.ref('self')
    if (ref.dtype === dtype.bool) return refuse('it is not defined for truth values')
    return unary(c, type, ref)
  }

function absolute(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  return ref.dtype === dtype.bool || ref.dtype === dtype.uint8 ? ref : unary(c, 'Abs', ref)
}

/** Tests of floating-point numbers; whole numbers are always finite. */
function isNan(c: Context, a: Arguments): Ref {
  return test(c, 'IsNaN', a.ref('self'))
}

function test(c: Context, type: string, ref: Ref): Ref {
  const wide = isFloating(ref.dtype) ? ref : cast(c, ref, dtype.float32)
  return c.op(type, [wide], { dtype: dtype.bool, shape: ref.shape })
}

export const notRef = (c: Context, ref: Ref): Ref => unary(c, 'Not', cast(c, ref, dtype.bool))

function isFinite(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  return notRef(c, elementwise(c, 'Or', [test(c, 'IsNaN', ref), test(c, 'IsInf', ref)], dtype.bool))
}

function bitwiseNot(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  return ref.dtype === dtype.bool ? notRef(c, ref) : unary(c, 'BitwiseNot', ref)
}

function nanToNum(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  if (!isFloating(ref.dtype)) return ref
  const limit = LARGEST[ref.dtype] ?? refuse('it is not supported for this type')
  const [nan, high, low] = [
    a.optionalFloat('nan') ?? 0,
    a.optionalFloat('posinf') ?? limit,
    a.optionalFloat('neginf') ?? -limit,
  ]
  const finite = where(c, test(c, 'IsNaN', ref), number(c, ref, nan), ref)
  const infinite = (up: boolean) =>
    c.op(
      'IsInf',
      [ref],
      { dtype: dtype.bool, shape: ref.shape },
      { detect_positive: { int: up ? 1 : 0 }, detect_negative: { int: up ? 0 : 1 } },
    )
  return where(
    c,
    infinite(true),
    number(c, ref, high),
    where(c, infinite(false), number(c, ref, low), finite),
  )
}

const LARGEST: Partial<Record<Dtype, number>> = {
  [dtype.float16]: 65504,
  [dtype.float32]: 3.4028234663852886e38,
  [dtype.float64]: Number.MAX_VALUE,
}

function logit(c: Context, x: Ref, a: Arguments): Ref {
  const eps = a.optionalFloat('eps')
  const inner = eps === undefined ? x : elementwise(c, 'Clip', [x, number(c, x, eps), number(c, x, 1 - eps)])
  return unary(c, 'Log', div(c, inner, sub(c, number(c, inner, 1), inner)))
}

function sign(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  if (!isFloating(ref.dtype)) return ref.dtype === dtype.bool ? ref : unary(c, 'Sign', ref)
  const side = (type: string) =>
    cast(c, elementwise(c, type, [ref, number(c, ref, 0)], dtype.bool), ref.dtype)
  // What is not a number has the sign 0.
  return sub(c, side('Greater'), side('Less'))
}

export const reciprocal = (c: Context, x: Ref): Ref => div(c, number(c, x, 1), x)

/** Functions of each element on its own. */
export const pointwise: Operators = {
  abs: absolute,
  absolute,
  neg: sameType('Neg'),
  negative: sameType('Neg'),
  positive: (_, a) => a.tensor('self'),
  sign,
  sgn: sign,
  exp: float('Exp'),
  exp2: formula((c, x) => elementwise(c, 'Pow', [number(c, x, 2), x])),
  expm1: formula((c, x) => sub(c, unary(c, 'Exp', x), 1)),
  log: float('Log'),
  log2: formula((c, x) => div(c, unary(c, 'Log', x), Math.LN2)),
  log10: formula((c, x) => div(c, unary(c, 'Log', x), Math.LN10)),
  log1p: formula((c, x) => unary(c, 'Log', add(c, x, 1))),
  sqrt: float('Sqrt'),
  rsqrt: formula((c, x) => reciprocal(c, unary(c, 'Sqrt', x))),
  reciprocal: formula(reciprocal),
  square: (c, a) => elementwise(c, 'Mul', [a.ref('self'), a.ref('self')]),
  sin: float('Sin'),
  cos: float('Cos'),
  tan: formula((c, x) =>
    x.dtype === dtype.float64 ? div(c, unary(c, 'Sin', x), unary(c, 'Cos', x)) : unary(c, 'Tan', x),
  ),
  asin: float('Asin'),
  arcsin: float('Asin'),
  acos: float('Acos'),
  arccos: float('Acos'),
  atan: float('Atan'),
  arctan: float('Atan'),
  sinh: float('Sinh'),
  cosh: float('Cosh'),
  tanh: float('Tanh'),
  asinh: float('Asinh'),
  acosh: float('Acosh'),
  atanh: float('Atanh'),
  sigmoid: float('Sigmoid'),
  special_expit: float('Sigmoid'),
  erf: float('Erf'),
  special_erf: float('Erf'),
  erfc: formula((c, x) => sub(c, number(c, x, 1), floating(c, 'Erf', x))),
  floor: rounding('Floor'),
  ceil: rounding('Ceil'),
  round,
  trunc: (c, a) => truncate(c, a.ref('self')),
  fix: (c, a) => truncate(c, a.ref('self')),
  frac: (c, a) => sub(c, a.ref('self'), truncate(c, a.ref('self'))),
  deg2rad: formula((c, x) => mul(c, x, Math.PI / 180)),
  rad2deg: formula((c, x) => mul(c, x, 180 / Math.PI)),
  logit: formula(logit),
  special_logit: formula(logit),
  isnan: isNan,
  isinf: (c, a) => test(c, 'IsInf', a.ref('self')),
  isfinite: isFinite,
  logical_not: (c, a) => notRef(c, a.ref('self')),
  bitwise_not: bitwiseNot,
  nan_to_num: nanToNum,
  sinc: formula((c, x) => {
    const scaled = mul(c, x, Math.PI)
    const zero = elementwise(c, 'Equal', [x, number(c, x, 0)], dtype.bool)
    return where(c, zero, number(c, x, 1), div(c, unary(c, 'Sin', scaled), scaled))
  }),
}
