import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype, isFloating } from '../dtypes.ts'
import { cast, reshape, showShape, sizeAt, squeeze, staticSize, unsqueeze } from '../emit.ts'
import type { Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import { addInts, floorDivInts, mulInts, sameInt, show, subInts, type Int } from '../sym.ts'
import { inFloat32 } from './pointwise.ts'

interface Geometry {
  readonly stride: readonly number[]
  /** Begin of every axis, then end of every axis. */
  readonly pads: readonly number[]
  readonly dilation: readonly number[]
  readonly groups: number
}

interface Parts {
  readonly input: Ref
  readonly weight: Ref
  readonly bias: Ref | undefined
}

/** How many windows of `span` fit, rounded down. */
export function windows(size: Int, span: number, stride: number): Int {
  return addInts(floorDivInts(subInts(size, BigInt(span)), BigInt(stride)), 1n)
}

function partsOf(a: Arguments): Parts {
  return { input: a.ref('input'), weight: a.ref('weight'), bias: a.optionalRef('bias') }
}

/** Adds the batch that an input without one lacks, and takes it away again. */
function batched(c: Context, parts: Parts, work: (parts: Parts) => Ref): Ref {
  const { input, weight } = parts
  if (!isFloating(input.dtype)) return refuse('it needs a floating-point tensor')
  if (input.dtype !== weight.dtype) return refuse('its input and its weight have different types')
  if (input.dtype === dtype.float64) return narrowed(c, parts, work)
  if (input.rank === weight.rank) return work(parts)
  if (input.rank !== weight.rank - 1)
    return refuse(`its input has the shape ${showShape(input.shape)}, its weight ${showShape(weight.shape)}`)
  return squeeze(c, work({ ...parts, input: unsqueeze(c, input, [0]) }), [0])
}

/** ONNX Runtime convolves float32 only. */
function narrowed(c: Context, { input, weight, bias }: Parts, work: (parts: Parts) => Ref): Ref {
  const narrow = (ref: Ref) => cast(c, ref, dtype.float32)
  const parts = { weight: narrow(weight), bias: bias === undefined ? undefined : narrow(bias) }
  return inFloat32(c, input, x => batched(c, { input: x, ...parts }, work))
}

function checkChannels(input: Ref, channels: Int): void {
  if (!sameInt(sizeAt(input, 1), channels))
    refuse(`its input has ${show(sizeAt(input, 1))} channels and its weight takes ${show(channels)}`)
}

function attributes({ stride, pads, dilation, groups }: Geometry, kernel: readonly number[]) {
  return {
    strides: { ints: stride },
    pads: { ints: pads },
    dilations: { ints: dilation },
    group: { int: groups },
    kernel_shape: { ints: kernel },
  }
}

function convolve(c: Context, parts: Parts, geometry: Geometry): Ref {
  return batched(c, parts, ({ input, weight, bias }) => {
    checkChannels(input, mulInts(sizeAt(weight, 1), BigInt(geometry.groups)))
    const kernel = weight.shape.slice(2).map((_, axis) => staticSize(weight, axis + 2))
    const sizes = kernel.map((size, axis) => {
      const padded = addInts(
        sizeAt(input, axis + 2),
        BigInt((geometry.pads[axis] ?? 0) + (geometry.pads[axis + kernel.length] ?? 0)),
      )
      return windows(padded, (geometry.dilation[axis] ?? 1) * (size - 1) + 1, geometry.stride[axis] ?? 1)
    })
    const shape = [sizeAt(input, 0), sizeAt(weight, 0), ...sizes]
    return c.op('Conv', [input, weight, bias], { dtype: input.dtype, shape }, attributes(geometry, kernel))
  })
}

function convolveTransposed(
  c: Context,
  parts: Parts,
  geometry: Geometry,
  outputPadding: readonly number[],
): Ref {
  return batched(c, parts, ({ input, weight, bias }) => {
    checkChannels(input, sizeAt(weight, 0))
    const kernel = weight.shape.slice(2).map((_, axis) => staticSize(weight, axis + 2))
    const sizes = kernel.map((size, axis) => {
      const [stride, pad] = [geometry.stride[axis] ?? 1, geometry.pads[axis] ?? 0]
      const rest = (geometry.dilation[axis] ?? 1) * (size - 1) + (outputPadding[axis] ?? 0) + 1 - 2 * pad
      return addInts(mulInts(subInts(sizeAt(input, axis + 2), 1n), BigInt(stride)), BigInt(rest))
    })
    const shape = [sizeAt(input, 0), mulInts(sizeAt(weight, 1), BigInt(geometry.groups)), ...sizes]
    const all = { ...attributes(geometry, kernel), output_padding: { ints: outputPadding } }
    return c.op('ConvTranspose', [input, weight, bias], { dtype: input.dtype, shape }, all)
  })
}

function geometryOf(a: Arguments, spatial: number): Geometry {
  const padding = a.value('padding')
  const dilation = a.many('dilation', spatial)
  const stride = a.many('stride', spatial)
  const pads = typeof padding === 'string' ? [] : a.many('padding', spatial)
  return { stride, pads: [...pads, ...pads], dilation, groups: a.number('groups') }
}

/** `padding="same"` pads one more at the end where the total is odd. */
function withMode(mode: string, geometry: Geometry, kernel: readonly number[]): Geometry {
  if (mode === 'valid') return { ...geometry, pads: kernel.flatMap(() => [0, 0]) }
  if (mode !== 'same') return refuse(`its padding ${mode} is not known`)
  const totals = kernel.map((size, axis) => (geometry.dilation[axis] ?? 1) * (size - 1))
  return {
    ...geometry,
    pads: [...totals.map(total => Math.floor(total / 2)), ...totals.map(total => Math.ceil(total / 2))],
  }
}

function conv(c: Context, a: Arguments): Ref {
  const parts = partsOf(a)
  const spatial = parts.weight.rank - 2
  const geometry = geometryOf(a, spatial)
  const padding = a.value('padding')
  if (typeof padding !== 'string') return convolve(c, parts, geometry)
  return convolve(c, parts, withMode(padding, geometry, kernelOf(parts.weight)))
}

function kernelOf(weight: Ref): number[] {
  return weight.shape.slice(2).map((_, axis) => staticSize(weight, axis + 2))
}

/** The operator that traces hold. */
function general(c: Context, a: Arguments): Ref {
  a.ignore('benchmark', 'deterministic', 'cudnn_enabled', 'allow_tf32')
  const parts = partsOf(a)
  const spatial = parts.weight.rank - 2
  const geometry = geometryOf(a, spatial)
  const outputPadding = a.many('output_padding', spatial)
  if (a.bool('transposed')) return convolveTransposed(c, parts, geometry, outputPadding)
  return convolve(c, parts, geometry)
}

function transposed(c: Context, a: Arguments): Ref {
  const parts = partsOf(a)
  const spatial = parts.weight.rank - 2
  return convolveTransposed(c, parts, geometryOf(a, spatial), a.many('output_padding', spatial))
}

/** A convolution over time, channels last: [time, batch, channels]. */
function temporal(c: Context, a: Arguments): Ref {
  const [input, weight, bias] = [a.ref('self'), a.ref('weight'), a.ref('bias')]
  const pad = a.number('pad')
  const swapped = c.op(
    'Transpose',
    [input],
    { dtype: input.dtype, shape: [1, 2, 0].map(axis => sizeAt(input, axis)) },
    { perm: { ints: [1, 2, 0] } },
  )
  const kernel = c.op(
    'Transpose',
    [weight],
    { dtype: weight.dtype, shape: [2, 1, 0].map(axis => sizeAt(weight, axis)) },
    { perm: { ints: [2, 1, 0] } },
  )
  const result = convolve(
    c,
    { input: swapped, weight: kernel, bias: reshape(c, bias, [sizeAt(kernel, 0)]) },
    { stride: [1], pads: [pad, pad], dilation: [1], groups: 1 },
  )
  return c.op(
    'Transpose',
    [result],
    { dtype: result.dtype, shape: [2, 0, 1].map(axis => sizeAt(result, axis)) },
    { perm: { ints: [2, 0, 1] } },
  )
}

/** Convolutions. */
export const convolution: Operators = {
  conv1d: conv,
  conv2d: conv,
  conv3d: conv,
  _convolution_mode: conv,
  _convolution: general,
  convolution: general,
  conv_transpose1d: transposed,
  conv_transpose2d: transposed,
  conv_transpose3d: transposed,
  conv_tbc: temporal,
}
