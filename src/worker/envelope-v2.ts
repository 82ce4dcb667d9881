/** TorchServe's envelope `kservev2`: each input tensor goes to the handler, and each answer becomes an output. */
import { InvalidInput, type Input, type JsonValue } from '../runtime/handler.ts'
import { datatypeOf } from '../runtime/datatype.ts'
import { elementCount, isTensor } from '../runtime/tensor.ts'
import { toJson } from '../runtime/json.ts'
import { compact, plain, type EnvelopeFacts, type JsonObject, type Opened } from './envelope-parts.ts'

const MAX_INPUTS = 1000
const MAX_AXES = 16

/** Throws InvalidInput for a request that is not one of the Open Inference Protocol. */
export function openTensors(input: Input, request: JsonObject, { model }: EnvelopeFacts): Opened {
  const { inputs, id } = request
  if (!Array.isArray(inputs) || inputs.length === 0 || inputs.length > MAX_INPUTS) {
    throw new InvalidInput(`Expected "inputs" to be a list of 1 to ${MAX_INPUTS} tensors`)
  }
  const read = inputs.map(tensor => readInput(tensor))
  return {
    inputs: read.map(({ data }) => ({ ...input, parameters: new Map([['body', data]]), data })),
    close: values => ({
      id: typeof id === 'string' ? id : input.requestId,
      model_name: model.name,
      model_version: model.version,
      outputs: values.map((value, index) => ({ name: read[index]?.name ?? '', ...toOutput(plain(value)) })),
    }),
  }
}

function readInput(tensor: JsonValue): { name: string; data: JsonValue } {
  const members = typeof tensor === 'object' && tensor !== null && !Array.isArray(tensor) ? tensor : {}
  const { name, shape, datatype, data } = members
  if (typeof name !== 'string' || !isShape(shape) || typeof datatype !== 'string' || !Array.isArray(data)) {
    throw new InvalidInput(
      'Expected each of "inputs" to be an object with name, shape (whole numbers), datatype and data (a list)',
    )
  }
  if (datatype === 'BYTES') return { name, data: data[0] ?? '' }
  return { name, data: reshape(data.flat(MAX_AXES), shape, name) }
}

function reshape(flat: readonly JsonValue[], shape: readonly number[], name: string): JsonValue {
  if (flat.length === elementCount(shape)) return nest(flat, shape)
  throw new InvalidInput(
    `Input "${name.slice(0, 64)}": expected ${elementCount(shape)} elements for shape [${shape.join(',')}], ` +
      `got ${flat.length}`,
  )
}

function isShape(shape: JsonValue | undefined): shape is number[] {
  if (!Array.isArray(shape) || shape.length > MAX_AXES) return false
  return shape.every(axis => typeof axis === 'number' && Number.isSafeInteger(axis) && axis >= 0)
}

function nest(flat: readonly JsonValue[], shape: readonly number[]): JsonValue {
  const [size, ...rest] = shape
  if (size === undefined) return flat[0] ?? 0
  if (rest.length === 0) return [...flat]
  // No rows where there are no elements: sizes of empty axes come from the client.
  if (flat.length === 0) return []
  const width = flat.length / size
  return Array.from({ length: size }, (_, row) => nest(flat.slice(row * width, (row + 1) * width), rest))
}

function toOutput(value: unknown): { datatype: string; data: unknown; shape: number[] } {
  if (isTensor(value)) {
    const { type, dims, data } = value
    const flat = { type, dims: [data.length], data }
    return { datatype: datatypeOf(type), data: flat, shape: [...dims] }
  }
  if (Array.isArray(value)) {
    const flat: unknown[] = value.flat(MAX_AXES)
    const shape = shapeOf(value)
    const isRegular = flat.length === elementCount(shape)
    const isFlat = flat.every(element => typeof element !== 'object' || element === null)
    if (isRegular && isFlat) return { datatype: datatypeFor(flat), data: flat, shape }
  }
  if (typeof value === 'object') return { datatype: 'BYTES', data: [compact(toJson(value))], shape: [1] }
  return { datatype: datatypeFor([value]), data: [value], shape: [1] }
}

function shapeOf(list: readonly unknown[]): number[] {
  const shape: number[] = []
  for (let inner: unknown = list; Array.isArray(inner); inner = inner[0]) shape.push(inner.length)
  return shape
}

function datatypeFor(values: readonly unknown[]): string {
  if (values.length > 0 && values.every(value => typeof value === 'boolean')) return 'BOOL'
  if (!values.every(value => typeof value === 'number' || typeof value === 'bigint')) return 'BYTES'
  return values.every(value => typeof value === 'bigint' || Number.isSafeInteger(value)) ? 'INT64' : 'FP64'
}
