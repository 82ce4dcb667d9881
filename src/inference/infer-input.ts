/** Tensors as they come over a wire, checked by themselves: whether they fit the model's graph is for the worker to say. */
import { failure } from '../errors.ts'
import { DATATYPES, isDatatype, type WireTensor } from '../runtime/datatype.ts'

const MAX_AXES = 64
/** ONNX Runtime's binding counts with 32 bits and a sign. */
const MAX_ELEMENTS = 2 ** 31 - 1
const LENGTH_BYTES = 4

/** What a client says of a tensor beside its data. */
export interface TensorHead {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
}

/** The number of elements of a shape. Throws BAD_REQUEST for axes that are none, and for more than could ever be sent. */
export function countElements(name: string, shape: readonly number[]): number {
  if (shape.length > MAX_AXES) {
    throw failure(
      'BAD_REQUEST',
      `input '${clip(name)}' has ${shape.length} axes, expected at most ${MAX_AXES}`,
    )
  }
  let count = 1
  for (const axis of shape) {
    if (!Number.isSafeInteger(axis) || axis < 0) {
      const got = `[${shape.join(',')}]`
      throw failure('BAD_REQUEST', `shape for input '${clip(name)}' must be whole numbers >= 0, got ${got}`)
    }
    // Beside an axis of 0, too, the others have to be sizes that ONNX Runtime takes.
    if (axis > 0) count *= axis
  }
  if (count <= MAX_ELEMENTS) return shape.includes(0) ? 0 : count
  throw failure(
    'BAD_REQUEST',
    `shape [${shape.join(',')}] for input '${clip(name)}' exceeds the maximum allowed ${MAX_ELEMENTS} elements`,
  )
}

/** A tensor of these bytes. Throws BAD_REQUEST for an unknown datatype, a shape that is none, a wrong number of bytes. */
export function makeTensor({ name, datatype, shape }: TensorHead, data: Uint8Array): WireTensor {
  const count = countElements(name, shape)
  if (!isDatatype(datatype)) throw unknownDatatype(name, datatype)
  const { bytes } = DATATYPES[datatype]
  if (bytes === 0) checkElements({ name, datatype, shape }, count, data)
  else if (data.length !== count * bytes) {
    throw failure(
      'BAD_REQUEST',
      `unexpected total byte size ${data.length} for input '${clip(name)}', expecting ${count * bytes} ` +
        `for ${datatype} [${shape.join(',')}]`,
    )
  }
  return { name, datatype, shape, data }
}

export function unknownDatatype(name: string, datatype: string) {
  const known = Object.keys(DATATYPES).join(', ')
  return failure(
    'BAD_REQUEST',
    `unknown datatype '${clip(datatype)}' for input '${clip(name)}', expected one of ${known}`,
  )
}

function checkElements({ name, shape }: TensorHead, count: number, data: Uint8Array): void {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  let seen = 0
  let at = 0
  while (at < data.length) {
    if (at + LENGTH_BYTES > data.length) throw incomplete(name, 'length', seen)
    at += LENGTH_BYTES + view.getUint32(at, true)
    if (at > data.length) throw incomplete(name, 'bytes', seen)
    seen++
  }
  if (seen === count) return
  throw failure(
    'BAD_REQUEST',
    `unexpected number of string elements ${seen} for input '${clip(name)}', expecting ${count} ` +
      `for BYTES [${shape.join(',')}]`,
  )
}

function incomplete(name: string, what: 'length' | 'bytes', element: number) {
  return failure(
    'BAD_REQUEST',
    `incomplete string ${what} for input '${clip(name)}': the ${what} of element ${element} reach beyond the data`,
  )
}

/** The elements of BYTES as one. */
export function packBytes(elements: readonly Uint8Array[]): Uint8Array {
  const total = elements.reduce((sum, element) => sum + LENGTH_BYTES + element.length, 0)
  const data = Buffer.allocUnsafe(total)
  let at = 0
  for (const element of elements) {
    data.writeUInt32LE(element.length, at)
    data.set(element, at + LENGTH_BYTES)
    at += LENGTH_BYTES + element.length
  }
  return data
}

/** The reverse; the elements share the memory of `data`, whose lengths have been checked. */
export function unpackBytes(data: Uint8Array): Uint8Array[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const elements: Uint8Array[] = []
  for (let at = 0; at < data.length;) {
    const end = at + LENGTH_BYTES + view.getUint32(at, true)
    elements.push(data.subarray(at + LENGTH_BYTES, end))
    at = end
  }
  return elements
}

/** A client's text, short enough for a message. */
export function clip(text: string): string {
  return text.slice(0, 64)
}
