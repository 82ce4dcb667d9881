import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype } from '../dtypes.ts'
import { cast, elementwise, expand, operand, reshape, sizeAt, toRef, unsqueeze } from '../emit.ts'
import type { Operator, Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import { sameInt } from '../sym.ts'
import { filled } from './creation.ts'
import { toIndex } from './indexing.ts'

function scatter(c: Context, a: Arguments): Ref {
  const self = a.ref('self')
  const index = toIndex(c, a.ref('index'))
  const source = a.has('src')
    ? cast(c, sameExtent(a.ref('src'), index), self.dtype)
    : filled(c, index.shape, operand(a.value('value'), 'value'), self.dtype)
  const kind = a.has('reduce') ? a.text('reduce') : 'none'
  return scattered(
    c,
    { self, index, source, axis: a.axis('dim', self.rank) },
    REDUCTIONS[kind] ?? refuse(`its reduction ${kind} is not supported`),
  )
}

const REDUCTIONS: Readonly<Record<string, string>> = {
  none: 'none',
  add: 'add',
  multiply: 'mul',
  sum: 'add',
  prod: 'mul',
  amax: 'max',
  amin: 'min',
}

/** Only as much of the source is used as there are indices; a larger one is refused. */
function sameExtent(source: Ref, index: Ref): Ref {
  const same =
    source.rank === index.rank && source.shape.every((size, axis) => sameInt(size, sizeAt(index, axis)))
  return same ? source : refuse('its source has another shape than its index')
}

interface Scatter {
  readonly self: Ref
  readonly index: Ref
  readonly source: Ref
  readonly axis: number
}

function scattered(c: Context, { self, index: places, source, axis }: Scatter, reduction: string): Ref {
  const attributes = {
    axis: { int: axis },
    ...(reduction === 'none' ? {} : { reduction: { string: reduction } }),
  }
  if (self.dtype === dtype.bool) {
    const bytes = c.op(
      'ScatterElements',
      [cast(c, self, dtype.uint8), places, cast(c, source, dtype.uint8)],
      { dtype: dtype.uint8, shape: self.shape },
      attributes,
    )
    return cast(c, bytes, dtype.bool)
  }
  return c.op('ScatterElements', [self, places, source], { dtype: self.dtype, shape: self.shape }, attributes)
}

function scatterAdd(c: Context, a: Arguments): Ref {
  const self = a.ref('self')
  const places = toIndex(c, a.ref('index'))
  const source = cast(c, sameExtent(a.ref('src'), places), self.dtype)
  return scattered(c, { self, index: places, source, axis: a.axis('dim', self.rank) }, 'add')
}

function scatterReduce(c: Context, a: Arguments): Ref {
  const self = a.ref('self')
  const places = toIndex(c, a.ref('index'))
  const kind = a.text('reduce')
  if (!a.bool('include_self') || kind === 'mean')
    return refuse('it is supported with include_self and without mean only')
  const source = cast(c, sameExtent(a.ref('src'), places), self.dtype)
  return scattered(
    c,
    { self, index: places, source, axis: a.axis('dim', self.rank) },
    REDUCTIONS[kind] ?? refuse(`its reduction ${kind} is not known`),
  )
}

/** Whole slices along an axis are written, added or filled. */
const indexWrite =
  (kind: 'add' | 'copy' | 'fill'): Operator =>
  (c, a) => {
    const self = a.ref('self')
    const axis = a.axis('dim', self.rank)
    const places = toIndex(c, a.ref('index'))
    const flat = places.rank === 0 ? unsqueeze(c, places, [0]) : places
    const shape = self.shape.map((size, each) => (each === axis ? sizeAt(flat, 0) : size))
    const wide = expand(
      c,
      reshape(
        c,
        flat,
        shape.map((_, each) => (each === axis ? sizeAt(flat, 0) : 1n)),
      ),
      shape,
    )
    if (kind === 'fill')
      return scattered(
        c,
        { self, index: wide, source: filled(c, shape, operand(a.value('value'), 'value'), self.dtype), axis },
        'none',
      )
    const given = cast(c, a.ref('source'), self.dtype)
    const alpha = kind === 'add' ? a.value('alpha') : 1n
    const source =
      alpha === 1n ? given : elementwise(c, 'Mul', [given, toRef(c, operand(alpha, 'alpha'), self.dtype)])
    return scattered(c, { self, index: wide, source, axis }, kind === 'add' ? 'add' : 'none')
  }

/** Writing elements by place. */
export const scattering: Operators = {
  scatter,
  scatter_add: scatterAdd,
  scatter_reduce: scatterReduce,
  index_add: indexWrite('add'),
  index_copy: indexWrite('copy'),
  index_fill: indexWrite('fill'),
}
