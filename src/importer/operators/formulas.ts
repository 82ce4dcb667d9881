import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype } from '../dtypes.ts'
import { elementwise, operand, toRef } from '../emit.ts'
import type { Operator, Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import { add, div, mul, number, unary, where } from './pointwise.ts'
import { promoted, together } from './arithmetic.ts'

/** The angle of (x, y), from arcus tangens and the signs. */
function atan2(c: Context, a: Arguments): Ref {
  const [y, x] = promoted(c, a, undefined, dtype.float32)
  if (x.dtype !== dtype.float32) return refuse('it is supported for float32 only')
  const zero = number(c, x, 0)
  const negative = elementwise(c, 'Less', [x, zero], dtype.bool)
  const [below, still] = [
    elementwise(c, 'Less', [y, zero], dtype.bool),
    elementwise(c, 'Equal', [x, zero], dtype.bool),
  ]
  const angle = unary(c, 'Atan', div(c, y, where(c, still, number(c, x, 1), x)))
  const turned = add(c, angle, where(c, below, number(c, x, -Math.PI), number(c, x, Math.PI)))
  const upright = mul(c, unary(c, 'Sign', y), Math.PI / 2)
  return where(c, still, upright, where(c, negative, turned, angle))
}

function lerp(c: Context, a: Arguments): Ref {
  const [x, y] = promoted(c, a, ['self', 'end'])
  const weight = toRef(c, operand(a.value('weight'), 'weight'), x.dtype)
  return elementwise(c, 'Add', [x, elementwise(c, 'Mul', [elementwise(c, 'Sub', [y, x]), weight])])
}

const addCombined =
  (type: string): Operator =>
  (c, a) => {
    const operands = ['self', 'tensor1', 'tensor2'].map(name => operand(a.value(name), name))
    const [x, y, z] = together(c, operands)
    if (x === undefined || y === undefined || z === undefined) return refuse('an argument is missing')
    const value = toRef(c, operand(a.value('value'), 'value'), x.dtype)
    return elementwise(c, 'Add', [x, elementwise(c, 'Mul', [value, elementwise(c, type, [y, z])])])
  }

/** log(exp(x) + exp(y)) without overflow. */
function logAddExp(c: Context, a: Arguments): Ref {
  const [x, y] = promoted(c, a)
  const top = elementwise(c, 'Max', [x, y])
  const distance = unary(c, 'Neg', unary(c, 'Abs', elementwise(c, 'Sub', [x, y])))
  const sum = elementwise(c, 'Add', [top, unary(c, 'Log', add(c, unary(c, 'Exp', distance), 1))])
  const infinite = c.op('IsInf', [top], { dtype: dtype.bool, shape: top.shape })
  return where(c, infinite, top, sum)
}

function xlogy(c: Context, a: Arguments): Ref {
  const [x, y] = promoted(c, a, undefined, dtype.float32)
  const zero = elementwise(c, 'Equal', [x, number(c, x, 0)], dtype.bool)
  return where(c, zero, number(c, x, 0), elementwise(c, 'Mul', [x, unary(c, 'Log', y)]))
}

function hypot(c: Context, a: Arguments): Ref {
  const [x, y] = promoted(c, a)
  return unary(
    c,
    'Sqrt',
    elementwise(c, 'Add', [elementwise(c, 'Mul', [x, x]), elementwise(c, 'Mul', [y, y])]),
  )
}

/** Formulas of two and three tensors. */
export const formulas: Operators = {
  atan2,
  arctan2: atan2,
  lerp,
  addcmul: addCombined('Mul'),
  addcdiv: addCombined('Div'),
  logaddexp: logAddExp,
  xlogy,
  hypot,
}
