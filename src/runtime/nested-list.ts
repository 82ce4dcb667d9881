/** One tensor from JSON: a number, or lists nested as deep as the tensor has axes. */
import { showInfo } from './check-inputs.ts'
import { toHalf } from './half.ts'
import { InvalidInput } from './handler.ts'
import type { JsonValue } from './handler.ts'
import { allocate, elementCount, showShape } from './tensor.ts'
import type { Tensor, TensorData, TensorInfo, TensorType } from './tensor.ts'

/**
 * A tensor of the input's type, of the shape that the lists have; whether that shape fits the graph is for
 * checkInputs. Throws InvalidInput with the position for lists of unequal length and for elements of another kind.
 * Integers of 64 bits may be JSON numbers up to 2^53, beyond which those are not exact, or strings of digits.
 */
export function readNestedList(value: JsonValue, info: TensorInfo): Tensor {
  const dims = measure(value)
  const rows = innermost(value, dims, info)
  const type = info.type
  const floats = type === 'float16' || type === 'float32' || type === 'float64'
  const data = floats ? readFloats(rows, dims, info) : readElements(rows, dims, info)
  return { type, dims, data }
}

/** The shape along the first elements; `innermost` finds out whether the others agree. */
function measure(value: JsonValue): number[] {
  const dims: number[] = []
  for (let inner: JsonValue | undefined = value; Array.isArray(inner); inner = inner[0])
    dims.push(inner.length)
  return dims
}

/** The lists along the last axis, in order, all of one length and one depth. */
function innermost(value: JsonValue, dims: readonly number[], info: TensorInfo): JsonValue[][] {
  if (!Array.isArray(value)) return [[value]]
  let lists: JsonValue[][] = [value]
  for (const [depth, size] of dims.entries()) {
    for (const [index, list] of lists.entries()) {
      if (Array.isArray(list) && list.length === size) continue
      const at = showPosition(index, dims.slice(0, depth))
      const got = Array.isArray(list) ? `${list.length} elements` : showKind(list)
      throw new InvalidInput(
        `Input "${info.name}": expected ${showInfo(info)}, got lists of unequal size: ${got} at ${at} instead of ` +
          `a list of ${size} as in the place of the first`,
      )
    }
    // The next round sees whether these are lists; what is no list there is refused by name.
    if (depth < dims.length - 1) lists = lists.flat() as JsonValue[][]
  }
  return lists
}

function readFloats(rows: readonly JsonValue[][], dims: readonly number[], info: TensorInfo): TensorData {
  const values =
    info.type === 'float64' ? new Float64Array(elementCount(dims)) : new Float32Array(elementCount(dims))
  const limit = info.type === 'float16' ? 65_519 : Number.MAX_VALUE
  let index = 0
  for (const row of rows) {
    for (const element of row) {
      if (typeof element === 'number') values[index] = element
      // Beyond the range of the array's type it became infinite.
      if (typeof element !== 'number' || Math.abs(values[index] ?? 0) > limit) {
        throw wrongElement(element, index, dims, info)
      }
      index++
    }
  }
  return info.type === 'float16' ? toHalf(values) : values
}

function readElements(rows: readonly JsonValue[][], dims: readonly number[], info: TensorInfo): TensorData {
  // Each reader gives the one kind of element that the array of its type holds; the compiler sees a union of arrays.
  const data = allocate(info.type, elementCount(dims)) as unknown[]
  const read = READERS[info.type]
  let index = 0
  for (const row of rows) {
    for (const element of row) {
      const converted = read(element)
      if (converted === undefined) throw wrongElement(element, index, dims, info)
      data[index++] = converted
    }
  }
  return data as TensorData
}

type Reader = (element: JsonValue) => number | bigint | string | undefined

const READERS: Record<TensorType, Reader> = {
  float16: readNumber,
  float32: readNumber,
  float64: readNumber,
  int8: integer(-0x80, 0x7f),
  uint8: integer(0, 0xff),
  int16: integer(-0x80_00, 0x7f_ff),
  uint16: integer(0, 0xff_ff),
  int32: integer(-0x80_00_00_00, 0x7f_ff_ff_ff),
  uint32: integer(0, 0xff_ff_ff_ff),
  int64: bigInteger(-(2n ** 63n), 2n ** 63n - 1n),
  uint64: bigInteger(0n, 2n ** 64n - 1n),
  bool: element => (typeof element === 'boolean' ? Number(element) : undefined),
  string: element => (typeof element === 'string' ? element : undefined),
}

const EXPECTED: Partial<Record<TensorType, string>> = {
  int64: 'an integer in its range (beyond 2^53 as a string of digits)',
  uint64: 'an integer in its range (beyond 2^53 as a string of digits)',
  bool: 'true or false',
  string: 'a string',
  float16: 'a number in its range',
  float32: 'a number in its range',
  float64: 'a number in its range',
}

function readNumber(element: JsonValue): number | undefined {
  return typeof element === 'number' ? element : undefined
}

function integer(lowest: number, highest: number): Reader {
  return element =>
    typeof element === 'number' && Number.isInteger(element) && element >= lowest && element <= highest
      ? element
      : undefined
}

function bigInteger(lowest: bigint, highest: bigint): Reader {
  return element => {
    const exact =
      typeof element === 'number'
        ? Number.isSafeInteger(element)
        : typeof element === 'string' && DIGITS.test(element)
    if (!exact) return undefined
    const converted = BigInt(element as number | string)
    return converted >= lowest && converted <= highest ? converted : undefined
  }
}
const DIGITS = /^-?\d{1,20}$/

function wrongElement(
  element: JsonValue,
  index: number,
  dims: readonly number[],
  info: TensorInfo,
): InvalidInput {
  const wanted = EXPECTED[info.type] ?? 'an integer in its range'
  return new InvalidInput(
    `Input "${info.name}": expected ${showInfo(info)}, each element ${wanted}, ` +
      `got ${showKind(element)} at ${showPosition(index, dims)}`,
  )
}

/** `[0][3]`: where the element with this index stands in row-major order. */
function showPosition(index: number, dims: readonly number[]): string {
  if (dims.length === 0) return 'the top'
  const position: number[] = []
  let rest = index
  for (const size of dims.toReversed()) {
    position.unshift(rest % size)
    rest = Math.floor(rest / size)
  }
  return position.map(at => `[${at}]`).join('')
}

/** What a value is, short enough for a message whatever a client sent. */
export function showKind(value: JsonValue): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return `a list of shape ${showShape(measure(value).slice(0, 8))}`
  if (typeof value === 'object') return 'an object'
  if (typeof value === 'string') return `the string ${JSON.stringify(value.slice(0, 40))}`
  return String(value)
}
