import { dtypeNamed } from './dtypes.ts'
import { refuse } from './refusal.ts'

/** One input of the graph: `image=float32[batch,3,224,224]`. A size is a number or a symbol. */
export interface InputSpec {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly (number | string)[]
}

const FLAG = /^([A-Za-z_][\w.]*)=([a-z0-9]+)\[([^\]]*)\]$/
const NAME = /^[A-Za-z_][\w.]*$/
const SYMBOL = /^[A-Za-z_]\w*$/
const EXAMPLE = '"image=float32[batch,3,224,224]"'

/** Reads what `--input` says. Refuses anything else, with an example. */
export function parseInputFlag(text: string): InputSpec {
  const [, name, dtype, sizes] = FLAG.exec(text.replaceAll(' ', '')) ?? []
  if (name === undefined || dtype === undefined || sizes === undefined)
    return refuse(
      `the input ${JSON.stringify(text.slice(0, 100))} is not understood; write it like ${EXAMPLE}`,
    )
  const shape = sizes === '' ? [] : sizes.split(',').map(size => (/^\d+$/.test(size) ? Number(size) : size))
  return checked({ name, dtype, shape })
}

/** Reads `inputs` of model-config.yaml: a list of `{ name, dtype, shape }`. Undefined where there is none. */
export function parseInputConfig(value: unknown): InputSpec[] | undefined {
  if (value === undefined || value === null) return undefined
  if (!Array.isArray(value))
    return refuse('inputs in model-config.yaml must be a list of { name, dtype, shape }')
  return value.map((item: unknown, index) => {
    const { name, dtype, shape } = isRecord(item) ? item : {}
    if (typeof name !== 'string' || typeof dtype !== 'string' || !Array.isArray(shape))
      return refuse(
        `input ${index + 1} in model-config.yaml needs a name, a dtype and a shape, such as { name: image, dtype: float32, shape: [batch, 3, 224, 224] }`,
      )
    return checked({ name, dtype, shape: shape.map(sizeOf) })
  })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function sizeOf(value: unknown): number | string {
  return typeof value === 'number' || typeof value === 'string'
    ? value
    : refuse('a size of an input is neither a number nor a symbol')
}

function checked(spec: InputSpec): InputSpec {
  if (!NAME.test(spec.name)) refuse(`an input cannot be named ${JSON.stringify(spec.name.slice(0, 60))}`)
  if (dtypeNamed(spec.dtype) === undefined)
    refuse(
      `the input ${spec.name} has the unknown type ${JSON.stringify(spec.dtype.slice(0, 60))}; float32 and int64 are usual`,
    )
  for (const size of spec.shape) {
    const good = typeof size === 'number' ? Number.isSafeInteger(size) && size >= 0 : SYMBOL.test(size)
    if (!good)
      refuse(
        `the input ${spec.name} has the size ${JSON.stringify(size)}; a number or a symbol such as batch is expected`,
      )
  }
  return spec
}

/** `image=float32[batch,3,224,224]`. */
export function showInput({ name, dtype, shape }: InputSpec): string {
  return `${name}=${dtype}[${shape.join(',')}]`
}
