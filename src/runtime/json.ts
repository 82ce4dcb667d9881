/**
 * Answers as text, the way TorchServe's `json.dumps(value, indent=2)` writes them: two spaces of indentation, every
 * list element on its own line, ASCII only, `NaN` and `Infinity` as they are, no newline at the end.
 */
import { fromHalf } from './half.ts'
import { isTensor } from './tensor.ts'
import type { Tensor } from './tensor.ts'

const MAX_DEPTH = 200

/** The handler's answer is nothing that JSON can say. */
export class UnsupportedOutput extends Error {
  override readonly name = 'UnsupportedOutput'
}

/**
 * Numbers, strings, booleans, null, bigints, lists, plain objects, Maps in their order, typed arrays, and tensors as
 * lists nested by their dims. Members that are undefined are left out. Throws UnsupportedOutput for anything else,
 * and for what is nested deeper than 200 levels or contains itself.
 */
export function toJson(value: unknown): string {
  return write(value, '\n')
}

/** `margin` is the newline and the indentation in front of the line that closes the value. */
function write(value: unknown, margin: string): string {
  if (typeof value === 'string') return quote(value)
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value)
  if (value === null) return 'null'
  if (typeof value === 'object') return writeObject(value, margin)
  throw new UnsupportedOutput(`The answer holds what JSON cannot say: ${typeof value}`)
}

function writeObject(value: object, margin: string): string {
  if (margin.length > 2 * MAX_DEPTH) {
    throw new UnsupportedOutput(`The answer is nested deeper than ${MAX_DEPTH} levels, or contains itself`)
  }
  if (Array.isArray(value)) return writeList(value, margin)
  if (isTypedArray(value)) return brackets(value, margin)
  if (isTensor(value)) return writeTensor(value, margin)
  if (value instanceof Map) return writeMembers([...value].map(nameMember), margin)
  if ('toJSON' in value && typeof value.toJSON === 'function') return write(value.toJSON(), margin)
  // A Promise or a Set would come out as {}: the sign of a forgotten await, never what was meant.
  const kind = Object.prototype.toString.call(value).slice('[object '.length, -1)
  if (kind !== 'Object') throw new UnsupportedOutput(`The answer holds what JSON cannot say: ${kind}`)
  return writeMembers(Object.entries(value), margin)
}

function writeList(list: readonly unknown[], margin: string): string {
  if (list.every(item => typeof item === 'number')) return brackets(list, margin)
  return brackets(
    list.map(item => (item === undefined ? 'null' : write(item, `${margin}  `))),
    margin,
  )
}

function nameMember([key, value]: [unknown, unknown]): [string, unknown] {
  if (typeof key === 'string') return [key, value]
  if (typeof key === 'number' || typeof key === 'bigint') return [String(key), value]
  throw new UnsupportedOutput('The answer holds a Map with a key that is neither a string nor a number')
}

function writeMembers(members: readonly [string, unknown][], margin: string): string {
  const inner = `${margin}  `
  const lines = members
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${quote(key)}: ${write(value, inner)}`)
  return lines.length === 0 ? '{}' : `{${inner}${lines.join(`,${inner}`)}${margin}}`
}

function writeTensor(tensor: Tensor, margin: string): string {
  return nest(printable(tensor), tensor.dims, margin)
}

/** Elements that `join` prints as JSON. */
interface Printable {
  readonly length: number
  join(separator: string): string
  slice(start: number, end: number): Printable
}

function printable({ type, data }: Tensor): Printable {
  if (Array.isArray(data)) return data.map(text => quote(text))
  if (type === 'bool') return Array.from(data as Uint8Array, element => element !== 0)
  if (type === 'float16' && data instanceof Uint16Array) return fromHalf(data)
  return data
}

function nest(elements: Printable, dims: readonly number[], margin: string): string {
  const [size, ...rest] = dims
  if (size === undefined) return elements.join('')
  if (rest.length === 0) return brackets(elements, margin)
  const width = elements.length / Math.max(size, 1)
  return brackets(
    Array.from({ length: size }, (_, row) =>
      nest(elements.slice(row * width, (row + 1) * width), rest, `${margin}  `),
    ),
    margin,
  )
}

function brackets(elements: Pick<Printable, 'length' | 'join'>, margin: string): string {
  const inner = `${margin}  `
  return elements.length === 0 ? '[]' : `[${inner}${elements.join(`,${inner}`)}${margin}]`
}

/** Any typed array, also those that no tensor uses; not a DataView. */
function isTypedArray(value: object): value is Float32Array {
  return ArrayBuffer.isView(value) && !(value instanceof DataView)
}

function quote(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
