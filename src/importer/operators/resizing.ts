import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype } from '../dtypes.ts'
import { reshape, sizeAt, staticSize, transpose } from '../emit.ts'
import type { Operator, Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import { floorDivInts, mulInts, sameInt, Sym, type Int } from '../sym.ts'
import { isInt, List, type Value } from '../values.ts'
import { smooth, type Target } from './antialias.ts'
import { padZeros } from './pooling.ts'

type Mode = 'nearest' | 'nearest-exact' | 'linear' | 'cubic'

const scaleNames = (spatial: number) =>
  spatial === 1 ? ['scales'] : ['scales_d', 'scales_h', 'scales_w'].slice(3 - spatial)

function targetOf(a: Arguments, ref: Ref, spatial: number): Target {
  const factors = a.has('scale_factors') ? a.value('scale_factors') : null
  if (factors instanceof List) {
    const scales = factors.items.map(Number)
    if (a.value('output_size') !== null) return refuse('it has both sizes and factors')
    return { scales, sizes: scales.map((scale, axis) => scaledSize(sizeAt(ref, axis + 2), scale)) }
  }
  const sizes = a.ints('output_size')
  const scales = a.has('scale_factors')
    ? sizes.map(() => undefined)
    : scaleNames(spatial).map(name => factorOf(a, name))
  return { sizes, scales }
}

function factorOf(a: Arguments, name: string): number | undefined {
  const value: Value = a.value(name)
  if (value === null) return undefined
  return typeof value === 'number' || isInt(value)
    ? Number(value)
    : refuse(`its argument ${name} is not known`)
}

/** floor(size * factor). */
function scaledSize(size: Int, scale: number): Int {
  if (!(size instanceof Sym)) return BigInt(Math.floor(Number(size) * scale))
  for (let divisor = 1; divisor <= 16; divisor++)
    if (Number.isInteger(scale * divisor))
      return floorDivInts(mulInts(size, BigInt(scale * divisor)), BigInt(divisor))
  return refuse('a symbolic size is scaled by a factor that is no simple fraction; give the size a number')
}

/**
 * ONNX's Resize with the ratio that PyTorch uses. ONNX takes either sizes or factors, and floor(size * factor) as the
 * size: where both say the same, one of them is enough.
 */
function resize(c: Context, ref: Ref, target: Target, attributes: Record<string, string | number>): Ref {
  const { sizes, scales } = target
  const shape = [...ref.shape.slice(0, 2), ...sizes]
  const named = Object.entries(attributes).map(
    ([name, value]) =>
      [
        name,
        typeof value === 'string'
          ? { string: value }
          : name === 'cubic_coeff_a'
            ? { float: value }
            : { int: value },
      ] as const,
  )
  const all = Object.fromEntries(named)
  const kind = { dtype: ref.dtype, shape }
  const factors = scales.every(scale => scale !== undefined)
  const useless = attributes['coordinate_transformation_mode'] === 'align_corners'
  const equal = scales.every(
    (scale, axis) => scale !== undefined && exactRatio(sizeAt(ref, axis + 2), sizes[axis] ?? 0n, scale),
  )
  if (factors && !useless && !(equal && !sizes.some(size => size instanceof Sym))) {
    const given = c.g.known(dtype.float32, [sizes.length + 2], [1, 1, ...scales.map(scale => scale ?? 1)])
    return c.op('Resize', [ref, undefined, given], kind, all)
  }
  return c.op('Resize', [ref, undefined, undefined, c.g.ints(shape)], kind, all)
}

function exactRatio(from: Int, to: Int, scale: number): boolean {
  return !(from instanceof Sym) && !(to instanceof Sym) && Number(to) === Number(from) * scale
}

function coordinates(mode: Mode, corners: boolean): Record<string, string> {
  if (mode === 'nearest') return { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }
  if (mode === 'nearest-exact')
    return { coordinate_transformation_mode: 'half_pixel', nearest_mode: 'round_prefer_ceil' }
  return { coordinate_transformation_mode: corners ? 'align_corners' : 'half_pixel' }
}

/** Nearest neighbours by explicit places where the size is known: factors differ in the last bit otherwise. */
function nearestKnown(c: Context, ref: Ref, { sizes, scales }: Target, exact: boolean): Ref {
  return sizes.reduce<Ref>((result, size, axis) => {
    const [from, to] = [staticSize(ref, axis + 2), Number(size)]
    if (from === to && scales[axis] === undefined) return result
    const step = Math.fround(scales[axis] === undefined ? from / to : 1 / (scales[axis] ?? 1))
    const places = Array.from({ length: to }, (_, at) =>
      BigInt(Math.min(Math.floor(Math.fround((at + (exact ? 0.5 : 0)) * step)), from - 1)),
    )
    const shape = result.shape.map((old, each) => (each === axis + 2 ? size : old))
    return c.op(
      'Gather',
      [result, c.g.ints(places)],
      { dtype: ref.dtype, shape },
      { axis: { int: axis + 2 } },
    )
  }, ref)
}

const upsample =
  (mode: Mode, spatial: number, antialias = false): Operator =>
  (c, a) => {
    const ref = a.ref(a.has('input') ? 'input' : 'self')
    const corners = a.has('align_corners') && a.bool('align_corners')
    const target = targetOf(a, ref, spatial)
    if (ref.rank !== spatial + 2) return refuse('its input must have a batch and channels')
    if (antialias) return smooth(c, ref, target, { cubic: mode === 'cubic', corners })
    return resizeTo(c, ref, target, { mode, corners })
  }

function resizeTo(
  c: Context,
  ref: Ref,
  target: Target,
  { mode, corners }: { mode: Mode; corners: boolean },
): Ref {
  const known = [...ref.shape.slice(2), ...target.sizes].every(size => typeof size === 'bigint')
  const nearest = mode === 'nearest' || mode === 'nearest-exact'
  if (nearest && known) return nearestKnown(c, ref, target, mode === 'nearest-exact')
  const same = target.sizes.every((size, axis) => sameInt(size, sizeAt(ref, axis + 2)))
  if (same && target.scales.every(scale => scale === undefined || scale === 1)) return ref
  return resize(c, ref, target, {
    mode: nearest ? 'nearest' : mode,
    ...coordinates(mode, corners),
    ...(mode === 'cubic' ? { cubic_coeff_a: -0.75 } : {}),
  })
}

function gridSample(c: Context, a: Arguments): Ref {
  const [input, grid] = [a.ref('input'), a.ref('grid')]
  const mode =
    ['linear', 'nearest', 'cubic'][a.number('interpolation_mode')] ?? refuse('its mode is not known')
  const padding =
    ['zeros', 'border', 'reflection'][a.number('padding_mode')] ?? refuse('its padding is not known')
  if (mode === 'cubic' && input.rank !== 4) return refuse('cubic sampling needs images')
  const shape = [...input.shape.slice(0, 2), ...grid.shape.slice(1, -1)]
  const attributes = {
    mode: { string: mode },
    padding_mode: { string: padding },
    align_corners: { int: a.bool('align_corners') ? 1 : 0 },
  }
  return c.op('GridSample', [input, grid], { dtype: input.dtype, shape }, attributes)
}

function affineGrid(c: Context, a: Arguments): Ref {
  const [theta, size] = [a.ref('theta'), a.ints('size')]
  const shape = [size[0] ?? 1n, ...size.slice(2), BigInt(size.length - 2)]
  return c.op(
    'AffineGrid',
    [theta, c.g.ints(size)],
    { dtype: theta.dtype, shape },
    { align_corners: { int: a.bool('align_corners') ? 1 : 0 } },
  )
}

/** Windows as columns: one Gather per axis, then the order [batch, channels, kernel, places]. */
function imageToColumns(c: Context, a: Arguments): Ref {
  const given = a.ref('self')
  if (given.rank !== 4) return refuse('its input must be a batch of images')
  const names = ['kernel_size', 'dilation', 'stride']
  const [first, second] = [0, 1].map(at => names.map(name => a.many(name, 2)[at] ?? 1))
  const padded = padZeros(c, given, a.many('padding', 2))
  const rows = windowPlaces(staticSize(padded, 2), first)
  const columns = windowPlaces(staticSize(padded, 3), second)
  const [n, channels] = [sizeAt(given, 0), sizeAt(given, 1)]
  const gather = (ref: Ref, places: typeof rows, axis: number) => {
    const shape = ref.shape.toSpliced(axis, 1, ...places.shape)
    return c.op('Gather', [ref, places.ref(c)], { dtype: given.dtype, shape }, { axis: { int: axis } })
  }
  const both = gather(gather(padded, rows, 2), columns, 4)
  const [kh, lh] = rows.shape
  const [kw, lw] = columns.shape
  return reshape(c, transpose(c, both, [0, 1, 2, 4, 3, 5]), [n, mulInts(channels, kh * kw), lh * lw])
}

/** `window` is the kernel, its dilation and the stride. */
function windowPlaces(size: number, window: readonly number[] | undefined) {
  const [kernel = 1, dilation = 1, stride = 1] = window ?? []
  const count = Math.floor((size - dilation * (kernel - 1) - 1) / stride) + 1
  const places = Array.from({ length: kernel * count }, (_, at) =>
    BigInt(Math.floor(at / count) * dilation + (at % count) * stride),
  )
  return {
    shape: [BigInt(kernel), BigInt(count)] as const,
    ref: (c: Context) => c.g.known(dtype.int64, [kernel, count], places),
  }
}

function columnsToImage(c: Context, a: Arguments): Ref {
  const ref = a.ref('self')
  const [size, kernel, dilation, padding, stride] = [
    'output_size',
    'kernel_size',
    'dilation',
    'padding',
    'stride',
  ].map(name => a.many(name, 2))
  if (!size || !kernel || !dilation || !padding || !stride || ref.rank !== 3)
    return refuse('its input must be a batch of columns')
  const area = kernel.reduce((x, y) => x * y, 1)
  const shape = [sizeAt(ref, 0), floorDivInts(sizeAt(ref, 1), BigInt(area)), ...size.map(BigInt)]
  const attributes = {
    dilations: { ints: dilation },
    pads: { ints: [...padding, ...padding] },
    strides: { ints: stride },
  }
  return c.op('Col2Im', [ref, c.g.ints(size), c.g.ints(kernel)], { dtype: ref.dtype, shape }, attributes)
}

/** Images in another size, and sampled at given places. */
export const resizing: Operators = {
  upsample_nearest1d: upsample('nearest', 1),
  upsample_nearest2d: upsample('nearest', 2),
  upsample_nearest3d: upsample('nearest', 3),
  _upsample_nearest_exact1d: upsample('nearest-exact', 1),
  _upsample_nearest_exact2d: upsample('nearest-exact', 2),
  _upsample_nearest_exact3d: upsample('nearest-exact', 3),
  upsample_linear1d: upsample('linear', 1),
  upsample_bilinear2d: upsample('linear', 2),
  upsample_trilinear3d: upsample('linear', 3),
  upsample_bicubic2d: upsample('cubic', 2),
  _upsample_bilinear2d_aa: upsample('linear', 2, true),
  _upsample_bicubic2d_aa: upsample('cubic', 2, true),
  grid_sampler: gridSample,
  grid_sampler_2d: gridSample,
  grid_sampler_3d: gridSample,
  affine_grid_generator: affineGrid,
  im2col: imageToColumns,
  col2im: columnsToImage,
}
