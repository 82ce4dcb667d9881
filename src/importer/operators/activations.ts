import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype, isFloating } from '../dtypes.ts'
import { elementwise, reshape, sizeAt, sliceAxis, toRef } from '../emit.ts'
import type { Operator, Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import type { Attributes } from '../scope.ts'
import { floorDivInts, modInts } from '../sym.ts'
import { add, div, floating, inFloat32, mul, number, sub, toFloating, unary, where } from './pointwise.ts'

function withAttributes(c: Context, type: string, ref: Ref, attributes: Attributes): Ref {
  if (!isFloating(ref.dtype)) refuse('it needs a floating-point tensor')
  return inFloat32(c, ref, x => c.op(type, [x], { dtype: x.dtype, shape: x.shape }, attributes))
}

const greater = (c: Context, x: Ref, limit: number): Ref =>
  elementwise(c, 'Greater', [x, number(c, x, limit)], dtype.bool)
const less = (c: Context, x: Ref, limit: number): Ref =>
  elementwise(c, 'Less', [x, number(c, x, limit)], dtype.bool)

export function clip(c: Context, x: Ref, min: number, max: number): Ref {
  return c.op('Clip', [x, number(c, x, min), number(c, x, max)], { dtype: x.dtype, shape: x.shape })
}

function relu(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  return isFloating(ref.dtype) ? unary(c, 'Relu', ref) : elementwise(c, 'Max', [ref, toRef(c, 0n, ref.dtype)])
}

function elu(c: Context, a: Arguments): Ref {
  const x = a.ref('self')
  const [alpha, scale, inputScale] = [a.float('alpha'), a.float('scale'), a.float('input_scale')]
  if (scale === 1 && inputScale === 1) return withAttributes(c, 'Elu', x, { alpha: { float: alpha } })
  const negative = mul(c, sub(c, unary(c, 'Exp', mul(c, x, inputScale)), 1), alpha * scale)
  return where(c, greater(c, x, 0), mul(c, x, scale), negative)
}

function selu(c: Context, a: Arguments): Ref {
  return withAttributes(c, 'Selu', a.ref('self'), {
    alpha: { float: 1.6732632423543772 },
    gamma: { float: 1.0507009873554805 },
  })
}

function gelu(c: Context, a: Arguments): Ref {
  const approximate = a.text('approximate')
  if (approximate !== 'none' && approximate !== 'tanh')
    return refuse(`its argument approximate is ${approximate}`)
  return withAttributes(c, 'Gelu', a.ref('self'), { approximate: { string: approximate } })
}

/** log(1 + exp(x)), without overflow, and x itself above the threshold. */
export function softplus(c: Context, x: Ref, beta = 1, limit = 20): Ref {
  const scaled = beta === 1 ? x : mul(c, x, beta)
  const smooth = floating(c, 'Softplus', scaled)
  return where(c, greater(c, scaled, limit), x, beta === 1 ? smooth : div(c, smooth, beta))
}

export function silu(c: Context, ref: Ref): Ref {
  return inFloat32(c, ref, x => elementwise(c, 'Mul', [x, unary(c, 'Sigmoid', x)]))
}

function mish(c: Context, x: Ref): Ref {
  return elementwise(c, 'Mul', [x, unary(c, 'Tanh', softplus(c, x))])
}

/** log(sigmoid(x)) = min(x, 0) - log(1 + exp(-|x|)). */
export function logSigmoid(c: Context, x: Ref): Ref {
  const small = elementwise(c, 'Min', [x, number(c, x, 0)])
  return sub(c, small, unary(c, 'Log', add(c, unary(c, 'Exp', unary(c, 'Neg', unary(c, 'Abs', x))), 1)))
}

function prelu(c: Context, a: Arguments): Ref {
  const x = a.ref('self')
  const weight = a.ref('weight')
  const perChannel = weight.rank > 0 && sizeAt(weight, 0) !== 1n
  const shape = x.shape.map((_, axis) => (axis === 1 && perChannel ? sizeAt(weight, 0) : 1n))
  if (perChannel && x.rank < 2) return refuse('a weight per channel needs a tensor with channels')
  const slope = reshape(c, weight, x.rank === 0 ? [] : shape)
  return where(c, greater(c, x, 0), x, elementwise(c, 'Mul', [x, slope]))
}

/** In evaluation the slope is the middle of its range. */
function rrelu(c: Context, a: Arguments): Ref {
  if (a.bool('training')) c.warn('rrelu was saved in training mode; it is imported for evaluation')
  a.ignore('noise')
  const slope = (a.float('lower') + a.float('upper')) / 2
  return withAttributes(c, 'LeakyRelu', a.ref('self'), { alpha: { float: slope } })
}

function glu(c: Context, a: Arguments): Ref {
  const x = a.ref('self')
  const axis = a.axis('dim', x.rank)
  const size = sizeAt(x, axis)
  if (modInts(size, 2n) !== 0n) return refuse('it needs an even size')
  const half = floorDivInts(size, 2n)
  const left = sliceAxis(c, x, axis, { start: 0n, end: half, size: half })
  const right = sliceAxis(c, x, axis, { start: half, end: size, size: half })
  return elementwise(c, 'Mul', [left, unary(c, 'Sigmoid', right)])
}

function hardshrink(c: Context, a: Arguments): Ref {
  const x = a.ref('self')
  const limit = a.float('lambd')
  const small = elementwise(
    c,
    'And',
    [
      elementwise(c, 'GreaterOrEqual', [x, number(c, x, -limit)], dtype.bool),
      elementwise(c, 'LessOrEqual', [x, number(c, x, limit)], dtype.bool),
    ],
    dtype.bool,
  )
  return where(c, small, number(c, x, 0), x)
}

function softshrink(c: Context, a: Arguments): Ref {
  const x = a.ref('self')
  const limit = a.float('lambd')
  const low = where(c, less(c, x, -limit), add(c, x, limit), mul(c, x, 0))
  return where(c, greater(c, x, limit), sub(c, x, limit), low)
}

function threshold(c: Context, a: Arguments): Ref {
  const x = a.ref('self')
  const value = number(c, x, a.float('value'))
  const low = elementwise(c, 'LessOrEqual', [x, number(c, x, a.float('threshold'))], dtype.bool)
  // What is not a number stays: it is not below the threshold.
  return where(c, low, value, x)
}

function hardtanh(c: Context, a: Arguments): Ref {
  return clip(c, a.ref('self'), a.float('min_val'), a.float('max_val'))
}

/** relu6(x + 3) / 6, as PyTorch computes it. */
function hardsigmoid(c: Context, x: Ref): Ref {
  return div(c, clip(c, add(c, x, 3), 0, 6), 6)
}

/** Dropout does nothing in evaluation, and gives the very tensor that it was given. */
const dropout: Operator = (c, a) => {
  if (a.bool('train') && a.float('p') > 0)
    c.warn('a dropout was saved in training mode; it is imported for evaluation and does nothing')
  a.ignore('p')
  return a.tensor('input')
}

const onFloats =
  (work: (c: Context, x: Ref) => Ref): Operator =>
  (c, a) =>
    work(c, toFloating(c, a.ref('self')))

/** Activation functions, and dropout. */
export const activations: Operators = {
  relu,
  relu6: (c, a) => clip(c, a.ref('self'), 0, 6),
  leaky_relu: (c, a) =>
    withAttributes(c, 'LeakyRelu', a.ref('self'), { alpha: { float: a.float('negative_slope') } }),
  elu,
  celu: (c, a) => withAttributes(c, 'Celu', a.ref('self'), { alpha: { float: a.float('alpha') } }),
  selu,
  gelu,
  silu: onFloats(silu),
  mish: onFloats(mish),
  softplus: (c, a) => softplus(c, a.ref('self'), a.float('beta'), a.float('threshold')),
  log_sigmoid: onFloats(logSigmoid),
  prelu,
  _prelu_kernel: prelu,
  rrelu,
  glu,
  hardshrink,
  softshrink,
  threshold,
  hardtanh,
  hardsigmoid: onFloats(hardsigmoid),
  hardswish: onFloats((c, x) => elementwise(c, 'Mul', [x, hardsigmoid(c, x)])),
  dropout,
  feature_dropout: dropout,
  alpha_dropout: dropout,
  feature_alpha_dropout: dropout,
}
