import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype, isFloating } from '../dtypes.ts'
import { concat, numberRef, reduce, showShape, sizeAt, squeeze, staticSize, unsqueeze } from '../emit.ts'
import type { Operator, Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import { addInts, exactQuotient, show, Sym, type Int } from '../sym.ts'
import { Tuple, Uninitialised } from '../values.ts'
import { windows } from './convolution.ts'
import { extremeRef } from './extremes.ts'
import { mul } from './pointwise.ts'

/** Works on [batch, channels, ...]: adds what an input lacks in front and takes it away from the results. */
export function withBatch(
  c: Context,
  ref: Ref,
  spatial: number,
  work: (ref: Ref) => readonly Ref[],
): readonly Ref[] {
  if (!isFloating(ref.dtype)) return refuse('it needs a floating-point tensor')
  if (ref.rank === spatial + 2) return work(ref)
  if (ref.rank !== spatial + 1) return refuse(`its input has the shape ${showShape(ref.shape)}`)
  return work(unsqueeze(c, ref, [0])).map(each => squeeze(c, each, [0]))
}

interface Pool {
  readonly kernel: readonly number[]
  readonly stride: readonly number[]
  readonly padding: readonly number[]
  readonly dilation: readonly number[]
  readonly ceil: boolean
  /** Whether ONNX's own rounding up may stand for PyTorch's: for the largest, where nothing is padded. */
  readonly roundsUp?: boolean
}

function poolOf(a: Arguments, spatial: number): Pool {
  const kernel = a.many('kernel_size', spatial)
  const stride = a.numbers('stride').length === 0 ? kernel : a.many('stride', spatial)
  const dilation = a.has('dilation') ? a.many('dilation', spatial) : kernel.map(() => 1)
  const padding = a.many('padding', spatial)
  if (padding.some((pad, axis) => pad * 2 > (kernel[axis] ?? 0)))
    refuse('its padding is more than half of its window')
  return { kernel, stride, padding, dilation, ceil: a.bool('ceil_mode') }
}

interface Placed {
  readonly sizes: readonly Int[]
  /** What must be added at the end so that rounding down gives the sizes. */
  readonly extra: readonly number[]
}

/** PyTorch's sizes: rounding up, it drops a last window that would begin in the padding at the end. */
function place(ref: Ref, pool: Pool): Placed {
  const placed = pool.kernel.map((_, axis) => placeAxis(ref, pool, axis))
  return { sizes: placed.map(each => each.size), extra: placed.map(each => each.extra) }
}

function windowAt(pool: Pool, axis: number) {
  const dilation = pool.dilation[axis] ?? 1
  return {
    stride: pool.stride[axis] ?? 1,
    pad: pool.padding[axis] ?? 0,
    span: dilation * ((pool.kernel[axis] ?? 1) - 1) + 1,
  }
}

function placeAxis(ref: Ref, pool: Pool, axis: number): { size: Int; extra: number } {
  const { stride, pad, span } = windowAt(pool, axis)
  const padded = addInts(sizeAt(ref, axis + 2), BigInt(2 * pad))
  if (!pool.ceil || stride === 1) return { size: windows(padded, span, stride), extra: 0 }
  if (!(padded instanceof Sym)) return placeUp(Number(padded), { span, stride, pad })
  if (pool.roundsUp !== true || pad !== 0 || stride > span)
    return refuse(`rounding up the size ${show(sizeAt(ref, axis + 2))} is not supported; give it a number`)
  return { size: windows(addInts(padded, BigInt(stride - 1)), span, stride), extra: 0 }
}

function placeUp(total: number, { span, stride, pad }: { span: number; stride: number; pad: number }) {
  const up = Math.ceil((total - span) / stride) + 1
  const size = (up - 1) * stride >= total - pad ? up - 1 : up
  return { size: BigInt(size), extra: Math.max((size - 1) * stride + span - total, 0) }
}

function attributes(pool: Pool, extra: readonly number[]) {
  return {
    kernel_shape: { ints: pool.kernel },
    strides: { ints: pool.stride },
    pads: { ints: [...pool.padding, ...pool.padding.map((pad, axis) => pad + (extra[axis] ?? 0))] },
  }
}

function maxPoolRefs(c: Context, ref: Ref, pool: Pool): readonly Ref[] {
  const { sizes, extra } = place(ref, { ...pool, roundsUp: true })
  const shape = [...ref.shape.slice(0, 2), ...sizes]
  const open = pool.ceil && ref.shape.slice(2).some(size => size instanceof Sym)
  const all = {
    ...attributes(pool, extra),
    dilations: { ints: pool.dilation },
    ...(open ? { ceil_mode: { int: 1 } } : {}),
  }
  return c.g.ops('MaxPool', [ref], [{ dtype: ref.dtype, shape }], all)
}

const maxPool =
  (spatial: number): Operator =>
  (c, a) => {
    const [result] = withBatch(c, a.ref('self'), spatial, ref => maxPoolRefs(c, ref, poolOf(a, spatial)))
    return result ?? refuse('it has no result')
  }

/** With the places of the largest: ONNX counts them through batch and channels, PyTorch within one channel. */
const maxPoolIndices =
  (spatial: number): Operator =>
  (c, a) =>
    withBatch(c, a.ref('self'), spatial, ref => {
      const pool = poolOf(a, spatial)
      const { sizes, extra } = place(ref, pool)
      const shape = [...ref.shape.slice(0, 2), ...sizes]
      const all = { ...attributes(pool, extra), dilations: { ints: pool.dilation } }
      const [values, places] = c.g.ops(
        'MaxPool',
        [ref],
        [
          { dtype: ref.dtype, shape },
          { dtype: dtype.int64, shape },
        ],
        all,
      )
      if (values === undefined || places === undefined) return refuse('it has no result')
      const area = ref.shape.slice(2).reduce((product, _, axis) => product * staticSize(ref, axis + 2), 1)
      const within = c.op('Mod', [places, c.g.scalar(dtype.int64, BigInt(area))], {
        dtype: dtype.int64,
        shape,
      })
      return [values, within]
    })

const averagePool =
  (spatial: number): Operator =>
  (c, a) => {
    const [result] = withBatch(c, a.ref('self'), spatial, ref => [average(c, a, ref, poolOf(a, spatial))])
    return result ?? refuse('it has no result')
  }

/**
 * The padding asked for is made by Pad where it counts, so that what rounding up adds at the end is never counted: this
 * is how PyTorch divides.
 */
function average(c: Context, a: Arguments, ref: Ref, pool: Pool): Ref {
  const { sizes, extra } = place(ref, pool)
  const override = a.has('divisor_override') ? a.optionalInt('divisor_override') : undefined
  const counted = a.bool('count_include_pad') || override !== undefined
  const padded = counted ? padZeros(c, ref, pool.padding) : ref
  const shape = [...ref.shape.slice(0, 2), ...sizes]
  const own = counted ? { ...pool, padding: pool.padding.map(() => 0) } : pool
  if (override !== undefined && extra.some(each => each > 0))
    return refuse('its divisor together with rounding up is not supported')
  const result = c.op(
    'AveragePool',
    [padded],
    { dtype: ref.dtype, shape },
    { ...attributes(own, extra), count_include_pad: { int: 0 } },
  )
  if (override === undefined) return result
  return mul(c, result, pool.kernel.reduce((x, y) => x * y, 1) / Number(override))
}

export function padZeros(c: Context, ref: Ref, padding: readonly number[]): Ref {
  if (padding.every(pad => pad === 0)) return ref
  const pads = [0, 0, ...padding]
  const shape = ref.shape.map((size, axis) => addInts(size, BigInt(2 * (pads[axis] ?? 0))))
  return c.op('Pad', [ref, c.g.ints([...pads, ...pads]), numberRef(c, ref.dtype, 0)], {
    dtype: ref.dtype,
    shape,
  })
}

const adaptiveAverage =
  (spatial: number): Operator =>
  (c, a) => {
    const [result] = withBatch(c, a.ref('self'), spatial, ref => [
      adapt(c, ref, outputSizes(a, ref, spatial), 'average'),
    ])
    return result ?? refuse('it has no result')
  }

function outputSizes(a: Arguments, ref: Ref, spatial: number): Int[] {
  const value = a.value('output_size')
  const sizes = a.ints('output_size')
  const full =
    sizes.length === 1 && spatial > 1 && typeof value === 'bigint'
      ? sizes.concat(sizes, sizes).slice(0, spatial)
      : sizes
  return full.map((size, axis) => (size === -1n ? sizeAt(ref, axis + 2) : size))
}

/** One window per output: axis by axis, since windows are boxes. */
function adapt(c: Context, ref: Ref, sizes: readonly Int[], kind: 'average' | 'max'): Ref {
  if (sizes.every(size => size === 1n)) {
    const axes = sizes.map((_, axis) => axis + 2)
    return ofWindow(c, ref, axes, kind)
  }
  const steps = sizes.map((size, axis) => exactQuotient(sizeAt(ref, axis + 2), size))
  if (steps.every(step => typeof step === 'bigint')) return evenly(c, ref, steps.map(Number), kind)
  return sizes.reduce<Ref>((result, size, axis) => adaptAxis(c, result, axis + 2, { size, kind }), ref)
}

function ofWindow(c: Context, ref: Ref, axes: readonly number[], kind: 'average' | 'max'): Ref {
  const over = { axes, keep: true }
  return kind === 'average' ? reduce(c, 'ReduceMean', ref, over) : extremeRef(c, 'ReduceMax', ref, over)
}

function evenly(c: Context, ref: Ref, kernel: readonly number[], kind: 'average' | 'max'): Ref {
  if (kernel.every(size => size === 1)) return ref
  const pool = {
    kernel,
    stride: kernel,
    padding: kernel.map(() => 0),
    dilation: kernel.map(() => 1),
    ceil: false,
  }
  const shape = [...ref.shape.slice(0, 2), ...place(ref, pool).sizes]
  return c.op(
    kind === 'average' ? 'AveragePool' : 'MaxPool',
    [ref],
    { dtype: ref.dtype, shape },
    attributes(pool, []),
  )
}

function adaptAxis(
  c: Context,
  ref: Ref,
  axis: number,
  { size, kind }: { size: Int; kind: 'average' | 'max' },
): Ref {
  const input = sizeAt(ref, axis)
  if (input instanceof Sym || size instanceof Sym)
    return refuse(`the size ${show(input)} must be known while importing; give it a number`)
  const [from, to] = [Number(input), Number(size)]
  if (from === to) return ref
  const parts = Array.from({ length: to }, (_, index) => {
    const [start, end] = [Math.floor((index * from) / to), Math.ceil(((index + 1) * from) / to)]
    const shape = ref.shape.map((old, each) => (each === axis ? BigInt(end - start) : old))
    const inputs = [ref, c.g.ints([start]), c.g.ints([end]), c.g.ints([axis])]
    const slice = c.op('Slice', inputs, { dtype: ref.dtype, shape })
    return ofWindow(c, slice, [axis], kind)
  })
  return concat(c, parts, axis, size)
}

const adaptiveMax =
  (spatial: number): Operator =>
  (c, a) => {
    const [result] = withBatch(c, a.ref('self'), spatial, ref => [
      adapt(c, ref, outputSizes(a, ref, spatial), 'max'),
    ])
    const places = new Uninitialised('the places of the largest in adaptive_max_pool are not supported')
    return new Tuple([c.tensor(result ?? refuse('it has no result')), places])
  }

/** Pooling. */
export const pooling: Operators = {
  max_pool1d: maxPool(1),
  max_pool2d: maxPool(2),
  max_pool3d: maxPool(3),
  max_pool1d_with_indices: maxPoolIndices(1),
  max_pool2d_with_indices: maxPoolIndices(2),
  max_pool3d_with_indices: maxPoolIndices(3),
  avg_pool1d: averagePool(1),
  avg_pool2d: averagePool(2),
  avg_pool3d: averagePool(3),
  adaptive_avg_pool1d: adaptiveAverage(1),
  adaptive_avg_pool2d: adaptiveAverage(2),
  adaptive_avg_pool3d: adaptiveAverage(3),
  adaptive_max_pool1d: adaptiveMax(1),
  adaptive_max_pool2d: adaptiveMax(2),
  adaptive_max_pool3d: adaptiveMax(3),
}
