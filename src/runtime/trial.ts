/** Sizes and inputs to try a graph with. */
import { allocate, elementCount, type Tensor, type Tensors, type TensorType } from './tensor.ts'

/** A size for every symbol of the inputs. */
export type Sizes = ReadonlyMap<string, number>

/** A run whose sizes differ from those of the plan's first run in one symbol. */
export interface Variation {
  readonly symbol: string
  readonly sizes: Sizes
}

export interface Plan {
  readonly sizes: Sizes
  readonly variations: readonly Variation[]
}

interface Shaped {
  readonly shape: readonly (number | string)[]
}

/** Lengths of sequences, and sizes of images: the second is what an axis is changed to. */
const LENGTHS = [
  [5, 7],
  [64, 96],
  [224, 256],
] as const

/** The symbols of axis 0 are those of batches: they vary by one, all others by much. */
export function batchSymbols(inputs: readonly Shaped[]): Set<string> {
  const first = inputs[0]?.shape[0]
  const symbols = inputs.flatMap(({ shape }) => shape.filter(size => typeof size === 'string'))
  const named = symbols.filter(symbol => /^(batch|n$|b$)/i.test(symbol))
  return new Set(named.length > 0 ? named : typeof first === 'string' ? [first] : [])
}

/**
 * What to try, in this order until a plan succeeds: a model may need a least size, as nets with pooling do. Batches of
 * two, three and one; every other symbol with two sizes, each one alone, so that a failure tells which symbol it is.
 */
export function plansFor(inputs: readonly Shaped[]): Plan[] {
  const batches = batchSymbols(inputs)
  const symbols = new Set(inputs.flatMap(({ shape }) => shape.filter(size => typeof size === 'string')))
  const others = [...symbols].filter(symbol => !batches.has(symbol))
  const plans = LENGTHS.map(([length, other]): Plan => {
    const sizes = new Map([
      ...[...batches].map(symbol => [symbol, 2] as const),
      ...others.map(symbol => [symbol, length] as const),
    ])
    const vary = (symbol: string, size: number) => ({ symbol, sizes: new Map([...sizes, [symbol, size]]) })
    return {
      sizes,
      variations: [
        ...[...batches].flatMap(symbol => [vary(symbol, 3), vary(symbol, 1)]),
        ...others.map(symbol => vary(symbol, other)),
      ],
    }
  })
  if (others.length === 0) return plans.slice(0, 1)
  // ONNX Runtime divides by zero, and ends its process, where pooling leaves nothing of an image.
  const hasImages = inputs.some(({ shape }) => shape.length > 3)
  return hasImages ? plans.slice(1) : plans
}

/** How whole numbers are chosen: they may be indices of a table, lengths or flags. */
export const FILLS = ['ones', 'mixed', 'zeros'] as const
export type Fill = (typeof FILLS)[number]

interface Input extends Shaped {
  readonly name: string
  readonly type: TensorType
}

/** Inputs of these sizes, the same at every call: numbers from 0 to 1, or small whole ones. */
export function makeInputs(inputs: readonly Input[], sizes: Sizes, fill: Fill): Tensors {
  return Object.fromEntries(inputs.map(input => [input.name, makeTensor(input, sizes, fill)]))
}

function makeTensor({ type, shape }: Input, sizes: Sizes, fill: Fill): Tensor {
  const dims = shape.map(size => (typeof size === 'number' ? size : (sizes.get(size) ?? 1)))
  const data = allocate(type, elementCount(dims))
  const whole = (index: number) => (fill === 'ones' ? 1 : fill === 'zeros' ? 0 : index % 2)
  for (let index = 0; index < data.length; index++) {
    if (data instanceof Float32Array || data instanceof Float64Array) data[index] = (index * 0.618_034) % 1
    else if (data instanceof BigInt64Array || data instanceof BigUint64Array)
      data[index] = BigInt(whole(index))
    // The bits of one half.
    else if (type === 'float16') data[index] = 0x3800
    else if (type !== 'string') data[index] = whole(index)
  }
  return { type, dims, data }
}
