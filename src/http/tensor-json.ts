/** The `data` of a tensor in JSON, scanned from its bytes straight into the bytes of a tensor. */
import { failure, type Failure } from '../errors.ts'
import { clip, countElements, unknownDatatype, type TensorHead } from '../inference/infer-input.ts'
import { DATATYPES, isDatatype, type Datatype } from '../runtime/datatype.ts'
import { byteAt, type JsonReader } from './json-reader.ts'
import { PackedBytes } from './packed-bytes.ts'
import { isEnd, scanBigInteger, scanFloats, scanInteger, type Wrong } from './number-json.ts'

const OPEN = 0x5b
const CLOSE = 0x5d
const COMMA = 0x2c

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
      `input '${clip(name)}': ${datatype} cannot be sent as JSON, send its data as binary`,
    )
  }
  // Each element takes a byte and what separates it: a shape cannot make more memory than was sent.
  if (count > reader.bytes.length - reader.at) throw wrongCount(head, count, 'fewer')
  if (datatype === 'BYTES') {
    const elements = new PackedBytes()
    const readRow = eachOf(reader, { head, count }, () => elements.add(readText(reader, head, form)))
    scanNested(reader, { head, count }, readRow)
    return elements.bytes()
  }
  const data = new ArrayBuffer(count * DATATYPES[datatype].bytes)
  scanNested(reader, { head, count }, rowReader(reader, head, datatype, data))
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

/** Reads a row of elements into their places, from an index on; gives the index behind the last. */
type RowReader = (index: number) => number

function rowReader(reader: JsonReader, head: TensorHead, datatype: Numeric, data: ArrayBuffer): RowReader {
  const wrong = (what: string): Failure =>
    failure(
      'BAD_REQUEST',
      `input '${clip(head.name)}': ${reader.expected(`${what} for ${datatype}`).message}`,
    )
  if (datatype === 'FP32' || datatype === 'FP64') {
    const floats = datatype === 'FP32' ? new Float32Array(data) : new Float64Array(data)
    const refuse = (why: Wrong) => {
      if (why === 'one too many') return wrongCount(head, floats.length, 'more')
      return wrong(why === 'no number' ? 'a number' : 'a number in the range')
    }
    return index => scanFloats(reader, floats, index, refuse)
  }
  const count = data.byteLength / DATATYPES[datatype].bytes
  return eachOf(reader, { head, count }, elementReader(reader, datatype, data, wrong))
}

interface Expected {
  readonly head: TensorHead
  readonly count: number
}

/** A row reader that reads element by element. */
function eachOf(reader: JsonReader, { head, count }: Expected, read: (index: number) => void): RowReader {
  return index => {
    let next = index
    do {
      if (next === count) throw wrongCount(head, count, 'more')
      reader.peek()
      read(next++)
    } while (reader.takes(COMMA))
    return next
  }
}

/** Reads one element into its place. */
function elementReader(
  reader: JsonReader,
  datatype: Exclude<Numeric, 'FP32' | 'FP64'>,
  data: ArrayBuffer,
  wrong: (what: string) => Failure,
): (index: number) => void {
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
  const end = at + word.length
  if (bytes.toString('latin1', at, end) === word && isEnd(byteAt(bytes, end))) {
    reader.at = end
    return word === 'true' ? 1 : 0
  }
  const value = scanInteger(reader)
  return value === 0 || value === 1 ? value : undefined
}

/** With or without its padding. Buffer.from leaves out what is no base64. */
function isBase64(text: string): boolean {
  const digits = text.replace(/={1,2}$/, '')
  const isComplete = digits.length === text.length ? digits.length % 4 !== 1 : text.length % 4 === 0
  return isComplete && !/[^A-Za-z0-9+/]/.test(digits)
}

function readText(reader: JsonReader, { name }: TensorHead, form: TextForm): Uint8Array {
  const { at } = reader
  const wrong = (what: string) => {
    reader.at = at
    return failure('BAD_REQUEST', `input '${clip(name)}': ${reader.expected(what).message}`)
  }
  if (reader.peek() !== 0x22) throw wrong('a string for BYTES')
  const text = reader.string()
  if (form === 'base64') {
    if (!isBase64(text)) throw wrong('base64 for BYTES, as its content_type says')
    return Buffer.from(text, form)
  }
  // It would come out as another character.
  if (!text.isWellFormed()) throw wrong('text without half a surrogate pair for BYTES')
  return Buffer.from(text)
}

/** Walks the lists: `readRow` is called in front of elements. */
function scanNested(reader: JsonReader, { head, count }: Expected, readRow: RowReader): void {
  const { shape } = head
  const widths = shape.map((_, axis) => shape.slice(axis).reduce((product, size) => product * size, 1))
  let index = 0
  const readList = (depth: number) => {
    const start = index
    if (!reader.takes(OPEN)) throw wrongShape(head)
    const next = reader.peek()
    if (next === OPEN) readLists(depth + 1)
    else if (next !== CLOSE) {
      // Elements stand in the innermost lists, or all in the one list there is.
      if (depth > 1 && depth < shape.length) throw wrongShape(head)
      index = readRow(index)
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
  if (shape.length === 0 && reader.peek() !== OPEN) index = readRow(index)
  else readList(1)
  if (index !== count) throw wrongCount(head, count, String(index))
}

function wrongShape({ name, shape }: TensorHead): Failure {
  return failure(
    'BAD_REQUEST',
    `Shape does not match true shape of 'data' field of input '${clip(name)}': expected lists of [${shape.join(',')}] or ` +
      'one flat list',
  )
}

function wrongCount({ name, shape }: TensorHead, count: number, got: string): Failure {
  return failure(
    'BAD_REQUEST',
    `Shape does not match true shape of 'data' field of input '${clip(name)}': expected ${count} elements for ` +
      `[${shape.join(',')}], got ${got}`,
  )
}
