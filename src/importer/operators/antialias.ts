import type { Context } from '../context.ts'
import { dtype } from '../dtypes.ts'
import { staticSize, swapAxes, transpose } from '../emit.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import type { Int } from '../sym.ts'
import { matmul } from './linear.ts'

/** Sizes of the result and how they came about. */
export interface Target {
  readonly sizes: readonly Int[]
  /** The factors that PyTorch computes with; undefined where it takes the ratio of the sizes. */
  readonly scales: readonly (number | undefined)[]
}

interface Filter {
  readonly cubic: boolean
  readonly corners: boolean
}

/** Resizing with a filter as wide as the pixels that one pixel stands for: a product with known weights per axis. */
export function smooth(c: Context, ref: Ref, { sizes, scales }: Target, filter: Filter): Ref {
  if (ref.dtype !== dtype.float32) return refuse('it is supported for float32 only')
  return sizes.reduce<Ref>((result, size, axis) => {
    const [from, to] = [staticSize(ref, axis + 2), Number(size)]
    const weights = c.g.known(
      dtype.float32,
      [from, to],
      weightsOf(from, to, stepOf(from, to, scales[axis], filter), filter),
    )
    const order = swapAxes(result.rank, axis + 2, result.rank - 1)
    return transpose(c, matmul(c, transpose(c, result, order), weights), order)
  }, ref)
}

/** How many pixels of the input one pixel of the result stands for. */
function stepOf(from: number, to: number, scale: number | undefined, { corners }: Filter): number {
  if (corners) return to > 1 ? (from - 1) / (to - 1) : 0
  return scale === undefined ? from / to : 1 / scale
}

function weightsOf(from: number, to: number, step: number, { cubic }: Filter): number[] {
  const weights = Array.from({ length: from * to }, () => 0)
  const width = Math.max(step, 1)
  const support = (cubic ? 2 : 1) * width
  for (let column = 0; column < to; column++) {
    const centre = step * (column + 0.5)
    const first = Math.max(Math.trunc(centre - support + 0.5), 0)
    const last = Math.min(Math.trunc(centre + support + 0.5), from)
    const taps = Array.from({ length: last - first }, (_, at) =>
      kernel((at + first - centre + 0.5) / width, cubic),
    )
    const total = taps.reduce((sum, tap) => sum + tap, 0)
    taps.forEach((tap, at) => {
      weights[(first + at) * to + column] = tap / total
    })
  }
  return weights
}

/** A triangle, or the cubic with a = -0.5. */
function kernel(distance: number, cubic: boolean): number {
  const x = Math.abs(distance)
  if (!cubic) return Math.max(1 - x, 0)
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0
}
