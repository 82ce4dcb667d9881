import type { Call } from './arguments.ts'
import type { InputSpec } from './inputs.ts'
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
  const dtype = 'float32'
  if (name === 'aten::linear') return { dtype, shape: ['batch', columns] }
  const groups = args[name === 'aten::_convolution' ? 8 : 6] ?? 1n
  const transposed = name === 'aten::_convolution' && args[6] === true
  const spatial = SPACE[shape.length - 2]
  if (
    !/^aten::(_convolution|conv[123]d)$/.test(name) ||
    transposed ||
    spatial === undefined ||
    typeof groups !== 'bigint'
  )
    return undefined
  return { dtype, shape: ['batch', columns * Number(groups), ...spatial] }
}
