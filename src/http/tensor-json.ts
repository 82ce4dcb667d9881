/** The `data` of a tensor in JSON, scanned from its bytes straight into the bytes of a tensor. */
import { failure, type Failure } from '../errors.ts'
import { countElements, packBytes, unknownDatatype, type TensorHead } from '../inference/infer-input.ts'
import { DATATYPES, isDatatype, type Datatype } from '../runtime/datatype.ts'
import type { JsonReader } from './json-reader.ts'
import { scanBigInteger, scanFloat, scanInteger } from './number-json.ts'

const OPEN = 0x5b
const CLOSE = 0x5d
const COMMA = 0x2c
/** Above it a number is rounded to infinity. */
const MAX_SINGLE = 3.4028235677973366e38

/** How strings of BYTES are to be read. */
export type TextForm = 'utf8' | 'base64'

/**
 * The elements as a tensor's bytes. Lists may be flat or nested as the shape says; 64-bit integers keep every digit; NaN,
 * Infinity and -Infinity are numbers. Throws BAD_REQUEST that names the input and what was expected.
 */
export function scanTensor(reader: JsonReader, head: TensorHead, form: TextForm = 'utf8'): Uint8Array {
  const { name, datatype, shape } = head
  const count = countElements(name, shape)
  if (!isDatatype(datatype)) throw unknownDatatype(name, datatype)
  if (datatype === 'FP16' || datatype === 'BF16') {
    throw failure(
      'BAD_REQUEST',
      `input '${name}': ${datatype} cannot be sent as JSON, send its data as binary`,
    )
  }
  // Each element takes a byte and what separates it: a shape cannot make more memory than was sent.
  if (count > reader.bytes.length - reader.at) throw wrongCount(head, count, 'fewer')
  if (datatype === 'BYTES') {
    const elements: Uint8Array[] = []
    scanNested(reader, { head, count }, () => elements.push(readText(reader, head, form)))
    return packBytes(elements)
  }
  const data = new ArrayBuffer(count * DATATYPES[datatype].bytes)
  scanNested(reader, { head, count }, elementReader(reader, head, datatype, data))
  return new Uint8Array(data)
}

type Numeric = Exclude<Datatype, 'BYTES' | 'FP16' | 'BF16'>

const INTEGERS = {
  INT8: [Int8Array, -0x80, 0x7f],
  UINT8: [Uint8Array, 0, 0xff],
  INT16: [Int16Array, -0x80_00, 0x7f_ff],
  UINT16: [Uint16Array, 0, 0xff_ff],
  INT32: [Int32Array, -0x80_00_00_00, 0x7f_ff_ff_ff],
  UINT32: [Uint32Array, 0, 0xff_ff_ff_ff],
} as const

/** Reads one element into its place. */
function elementReader(
  reader: JsonReader,
  head: TensorHead,
  datatype: Numeric,
  data: ArrayBuffer,
): (index: number) => void {
  const wrong = (what: string): Failure =>
    failure('BAD_REQUEST', `input '${head.name}': ${reader.expected(`${what} for ${datatype}`).message}`)
  if (datatype === 'FP32' || datatype === 'FP64') {
    const floats = datatype === 'FP32' ? new Float32Array(data) : new Float64Array(data)
    const isSingle = datatype === 'FP32'
    return index => {
      const value = scanFloat(reader, isSingle)
      if (value === undefined) throw wrong('a number')
      if (isSingle && Math.abs(value) > MAX_SINGLE && value !== Infinity && value !== -Infinity) {
        throw wrong('a number in the range')
      }
      floats[index] = value
    }
  }
  if (datatype === 'INT64' || datatype === 'UINT64') {
    const words = new Uint32Array(data)
    return index => {
      if (!scanBigInteger(reader, words, index, datatype === 'INT64')) throw wrong('an integer in the range')
    }
  }
  if (datatype === 'BOOL') {
    const flags = new Uint8Array(data)
    return index => {
      const flag = scanFlag(reader)
      if (flag === undefined) throw wrong('true or false')
      flags[index] = flag
    }
  }
  const [Elements, lowest, highest] = INTEGERS[datatype]
  const integers = new Elements(data)
  return index => {
    const value = scanInteger(reader)
    if (value === undefined || value < lowest || value > highest) throw wrong('an integer in the range')
    integers[index] = value
  }
}

function scanFlag(reader: JsonReader): number | undefined {
  const { bytes, at } = reader
  const first = reader.peek()
  const word = first === 0x74 ? 'true' : 'false'
  if (bytes.toString('latin1', at, at + word.length) === word) {
    reader.at = at + word.length
    return word === 'true' ? 1 : 0
  }
  const value = scanInteger(reader)
  return value === 0 || value === 1 ? value : undefined
}

function readText(reader: JsonReader, head: TensorHead, form: TextForm): Uint8Array {
  if (reader.peek() !== 0x22) {
    throw failure('BAD_REQUEST', `input '${head.name}': ${reader.expected('a string for BYTES').message}`)
  }
  return Buffer.from(reader.string(), form)
}

/** Walks the lists: `read` is called at each element, with the reader standing on its first byte. */
function scanNested(
  reader: JsonReader,
  { head, count }: { readonly head: TensorHead; readonly count: number },
  read: (index: number) => void,
): void {
  const { shape } = head
  const widths = shape.map((_, axis) => shape.slice(axis).reduce((product, size) => product * size, 1))
  let index = 0
  const readRow = () => {
    do {
      if (index === count) throw wrongCount(head, count, 'more')
      reader.peek()
      read(index++)
    } while (reader.takes(COMMA))
  }
  const readList = (depth: number) => {
    const start = index
    if (!reader.takes(OPEN)) throw wrongShape(head)
    const next = reader.peek()
    if (next === OPEN) readLists(depth + 1)
    else if (next !== CLOSE) {
      // Elements stand in the innermost lists, or all in the one list there is.
      if (depth > 1 && depth < shape.length) throw wrongShape(head)
      readRow()
    }
    if (!reader.takes(CLOSE)) throw reader.expected('"," or "]"')
    if (depth > 1 && index - start !== widths[depth - 1]) throw wrongShape(head)
  }
  const readLists = (depth: number) => {
    if (depth > shape.length) throw wrongShape(head)
    do readList(depth)
    while (reader.takes(COMMA))
  }
  // A number by itself stands for a scalar.
  if (shape.length === 0 && reader.peek() !== OPEN) readRow()
  else readList(1)
  if (index !== count) throw wrongCount(head, count, String(index))
}

function wrongShape({ name, shape }: TensorHead): Failure {
  return failure(
    'BAD_REQUEST',
    `Shape does not match true shape of 'data' field of input '${name}': expected lists of [${shape.join(',')}] or ` +
      'one flat list',
  )
}

function wrongCount({ name, shape }: TensorHead, count: number, got: string): Failure {
  return failure(
    'BAD_REQUEST',
    `Shape does not match true shape of 'data' field of input '${name}': expected ${count} elements for ` +
      `[${shape.join(',')}], got ${got}`,
  )
}
