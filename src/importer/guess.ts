import type { Call } from './arguments.ts'
import type { Context } from './context.ts'
import type { InputSpec } from './inputs.ts'
import { sizeAt } from './sizes-at.ts'
import { Sym } from './sym.ts'
import { Tensor, Untold } from './tensor.ts'
import type { Value } from './values.ts'

/** The first use of an input nobody has described tells what it is. */
export class Guess extends Error {
  override readonly name = 'Guess'
  readonly input: number
  readonly spec: Omit<InputSpec, 'name'>
  constructor(input: number, spec: Omit<InputSpec, 'name'>) {
    super('an input was guessed')
    this.input = input
    this.spec = spec
  }
}

const SPACE: readonly (readonly string[])[] = [
  [],
  ['length'],
  ['height', 'width'],
  ['depth', 'height', 'width'],
]

/** Throws Guess where the operator's weights tell the input's type and shape, Untold where they do not. */
export function checkTold(name: string, { args }: Call): void {
  const input = args.find((arg): arg is Tensor => arg instanceof Tensor && arg.untold !== undefined)
  if (input?.untold === undefined) return
  const [first, second] = args
  if (name === 'aten::embedding' && second === input)
    throw new Guess(input.untold, { dtype: 'int64', shape: ['batch', 'length'] })
  const spec = first === input ? fromWeight(name, second, args) : undefined
  if (spec === undefined) throw new Untold(input.untold)
  throw new Guess(input.untold, spec)
}

function fromWeight(
  name: string,
  weight: Value | undefined,
  args: readonly Value[],
): Omit<InputSpec, 'name'> | undefined {
  if (!(weight instanceof Tensor)) return undefined
  const shape = weight.ref.shape.map(Number)
  const [, columns = 0] = shape
  if (name === 'aten::linear') return { dtype: 'float32', shape: ['batch', columns] }
  const groups = groupsOf(name, args)
  const spatial = SPACE[shape.length - 2]
  if (groups === undefined || spatial === undefined) return undefined
  return { dtype: 'float32', shape: ['batch', columns * groups, ...spatial] }
}

/** The groups of a convolution; undefined for anything else. */
function groupsOf(name: string, args: readonly Value[]): number | undefined {
  const traced = name === 'aten::_convolution'
  if (!(traced || /^aten::conv[123]d$/.test(name)) || (traced && args[6] === true)) return undefined
  const groups = args[traced ? 8 : 6] ?? 1n
  return typeof groups === 'bigint' ? Number(groups) : undefined
}

/** Larger images than this are not tried. */
const MAX_SIDE = 1024

/**
 * Throws a better Guess where a linear layer has flattened an image whose sizes were guessed to be free: the smallest
 * square image that gives as many columns as the layer takes.
 */
export function checkFlattened({ guessed }: Context, name: string, { args }: Call): void {
  const [input, weight] = args
  if (name !== 'aten::linear' || !(input instanceof Tensor) || !(weight instanceof Tensor)) return
  const [last, columns] = [input.ref.shape.at(-1), weight.ref.shape[1]]
  if (!(last instanceof Sym)) return
  for (const [index, spec] of guessed) {
    const free = spec.shape.filter(size => typeof size === 'string' && size !== 'batch').map(String)
    for (let side = 1; free.length > 0 && side <= MAX_SIDE; side++) {
      if (sizeAt(last, new Map(free.map(symbol => [symbol, side]))) !== columns) continue
      const shape = spec.shape.map(size => (free.includes(String(size)) ? side : size))
      throw new Guess(index, { ...spec, shape })
    }
  }
}
