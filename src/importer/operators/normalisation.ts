import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype, factsOf, isFloating } from '../dtypes.ts'
import { agreed, cast, elementwise, numberRef, reduce, type Over, reshape, sizeAt } from '../emit.ts'
import type { Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import { exactQuotient, product } from '../sym.ts'
import { extremeRef } from './extremes.ts'
import { add, notRef, reciprocal, unary } from './pointwise.ts'

function vector(c: Context, like: Ref, size: Ref['shape'][number], value: number): Ref {
  if (typeof size !== 'bigint') return refuse('the number of channels must be known')
  const bytes = Array.from({ length: Number(size) }, () => value)
  return c.g.known(like.dtype, [Number(size)], bytes)
}

interface Affine {
  readonly weight: Ref | undefined
  readonly bias: Ref | undefined
}

const affineOf = (a: Arguments): Affine => ({ weight: a.optionalRef('weight'), bias: a.optionalRef('bias') })

/** (x - mean) / sqrt(variance + eps) over the axes; the variance is that of a whole population. */
function standardise(c: Context, ref: Ref, axes: readonly number[], eps: number): Ref {
  const centred = elementwise(c, 'Sub', [ref, reduce(c, 'ReduceMean', ref, { axes, keep: true })])
  const variance = reduce(c, 'ReduceMean', elementwise(c, 'Mul', [centred, centred]), { axes, keep: true })
  return elementwise(c, 'Div', [centred, unary(c, 'Sqrt', add(c, variance, eps))])
}

/** Weight and bias per channel, along axis 1. */
function perChannel(c: Context, ref: Ref, { weight, bias }: Affine): Ref {
  const shape = ref.shape.map((size, axis) => (axis === 1 ? size : 1n))
  const scaled = weight === undefined ? ref : elementwise(c, 'Mul', [ref, reshape(c, weight, shape)])
  return bias === undefined ? scaled : elementwise(c, 'Add', [scaled, reshape(c, bias, shape)])
}

function batchNorm(c: Context, a: Arguments): Ref {
  const ref = a.ref('input')
  const [mean, variance, eps] = [a.optionalRef('running_mean'), a.optionalRef('running_var'), a.float('eps')]
  const training = a.bool('training')
  a.ignore('momentum', 'cudnn_enabled')
  if (!isFloating(ref.dtype) || ref.rank < 2) return refuse('it needs a floating-point tensor with channels')
  if (mean === undefined || variance === undefined) {
    const axes = ref.shape.map((_, axis) => axis).filter(axis => axis !== 1)
    return perChannel(c, standardise(c, ref, axes, eps), affineOf(a))
  }
  if (training)
    c.warn(
      'a batch norm was saved in training mode; it is imported for evaluation, with its running statistics',
    )
  const { weight, bias } = affineOf(a)
  const channels = sizeAt(ref, 1)
  if (agreed(channels, sizeAt(mean, 0)) === undefined)
    return refuse('its input has another number of channels')
  const inputs = [
    ref,
    weight ?? vector(c, mean, channels, 1),
    bias ?? vector(c, mean, channels, 0),
    mean,
    variance,
  ]
  return c.op(
    'BatchNormalization',
    inputs,
    { dtype: ref.dtype, shape: ref.shape },
    { epsilon: { float: eps } },
  )
}

function instanceNorm(c: Context, a: Arguments): Ref {
  const ref = a.ref('input')
  const eps = a.float('eps')
  a.ignore('momentum', 'cudnn_enabled')
  const [mean, variance] = [a.optionalRef('running_mean'), a.optionalRef('running_var')]
  if (!a.bool('use_input_stats')) {
    if (mean === undefined || variance === undefined) return refuse('it has no statistics to use')
    const shape = ref.shape.map((size, axis) => (axis === 1 ? size : 1n))
    const centred = elementwise(c, 'Sub', [ref, reshape(c, mean, shape)])
    const deviation = unary(c, 'Sqrt', add(c, reshape(c, variance, shape), eps))
    return perChannel(c, elementwise(c, 'Div', [centred, deviation]), affineOf(a))
  }
  if (mean !== undefined)
    c.warn('an instance norm was saved in training mode; its running statistics are not updated')
  const axes = ref.shape.map((_, axis) => axis).slice(2)
  return perChannel(c, standardise(c, ref, axes, eps), affineOf(a))
}

function layerNorm(c: Context, a: Arguments): Ref {
  const ref = a.ref('input')
  const { weight, bias } = affineOf(a)
  const axes = normalised(a, ref)
  a.ignore('cudnn_enable')
  const eps = a.float('eps')
  const start = ref.rank - axes.length
  if (ref.dtype !== dtype.float32 && ref.dtype !== dtype.float64)
    return refuse(`it is not supported for ${factsOf(ref.dtype).name}`)
  if (weight === undefined) {
    const result = standardise(c, ref, axes, eps)
    return bias === undefined ? result : elementwise(c, 'Add', [result, bias])
  }
  return c.op(
    'LayerNormalization',
    [ref, weight, bias],
    { dtype: ref.dtype, shape: ref.shape },
    { axis: { int: start }, epsilon: { float: eps } },
  )
}

/** The last axes, which must have the sizes of `normalized_shape`. */
function normalised(a: Arguments, ref: Ref): number[] {
  const sizes = a.ints('normalized_shape')
  const start = ref.rank - sizes.length
  if (start < 0 || sizes.some((size, index) => agreed(size, sizeAt(ref, start + index)) === undefined))
    return refuse('its input does not end with the sizes of normalized_shape')
  return sizes.map((_, index) => start + index)
}

function rmsNorm(c: Context, a: Arguments): Ref {
  const ref = a.ref('input')
  const axes = normalised(a, ref)
  const eps =
    a.optionalFloat('eps') ?? (ref.dtype === dtype.float64 ? 2.220446049250313e-16 : 1.1920928955078125e-7)
  const square = reduce(c, 'ReduceMean', elementwise(c, 'Mul', [ref, ref]), { axes, keep: true })
  const result = elementwise(c, 'Mul', [ref, reciprocal(c, unary(c, 'Sqrt', add(c, square, eps)))])
  const weight = a.optionalRef('weight')
  return weight === undefined ? result : elementwise(c, 'Mul', [result, weight])
}

function groupNorm(c: Context, a: Arguments): Ref {
  const ref = a.ref('input')
  const groups = BigInt(a.number('num_groups'))
  a.ignore('cudnn_enabled')
  const width = exactQuotient(sizeAt(ref, 1), groups) ?? refuse('its channels do not divide into its groups')
  const inner = product([width, ...ref.shape.slice(2)])
  const grouped = reshape(c, ref, [sizeAt(ref, 0), groups, inner])
  const result = reshape(c, standardise(c, grouped, [2], a.float('eps')), ref.shape)
  return perChannel(c, result, affineOf(a))
}

/** The p-norm over some axes. */
export function lpNorm(c: Context, ref: Ref, p: number, { axes, keep }: Over): Ref {
  const size = unary(c, 'Abs', ref)
  if (p === Infinity) return extremeRef(c, 'ReduceMax', size, { axes, keep })
  if (p === -Infinity) return extremeRef(c, 'ReduceMin', size, { axes, keep })
  if (p === 1) return reduce(c, 'ReduceSum', size, { axes, keep })
  if (p === 2)
    return unary(c, 'Sqrt', reduce(c, 'ReduceSum', elementwise(c, 'Mul', [ref, ref]), { axes, keep }))
  if (p === 0) return countNonZero(c, ref, { axes, keep })
  const powers = elementwise(c, 'Pow', [size, numberRef(c, ref.dtype, p)])
  return elementwise(c, 'Pow', [
    reduce(c, 'ReduceSum', powers, { axes, keep }),
    numberRef(c, ref.dtype, 1 / p),
  ])
}

function countNonZero(c: Context, ref: Ref, { axes, keep }: Over): Ref {
  const zero = elementwise(c, 'Equal', [ref, numberRef(c, ref.dtype, 0)], dtype.bool)
  return reduce(c, 'ReduceSum', cast(c, notRef(c, zero), ref.dtype), { axes, keep })
}

/** Normalisations. */
export const normalisation: Operators = {
  batch_norm: batchNorm,
  instance_norm: instanceNorm,
  layer_norm: layerNorm,
  rms_norm: rmsNorm,
  group_norm: groupNorm,
}
