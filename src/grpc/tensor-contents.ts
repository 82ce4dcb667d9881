import { failure } from '../errors.ts'
import {
  clip,
  countElements,
  makeTensor,
  packBytes,
  unpackBytes,
  unknownDatatype,
} from '../inference/infer-input.ts'
import { isDatatype, type Datatype, type WireTensor } from '../runtime/datatype.ts'
import type { Read, Written } from './protobuf/message.ts'
import type { InferTensorContents } from './services-open-inference.ts'

export type Contents = Read<typeof InferTensorContents>
type Given = Written<typeof InferTensorContents>
type ContentsField = keyof Contents

export interface InputHead {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
}

type ElementArray =
  | Int8ArrayConstructor
  | Uint8ArrayConstructor
  | Int16ArrayConstructor
  | Uint16ArrayConstructor
  | Int32ArrayConstructor
  | Uint32ArrayConstructor
  | Float32ArrayConstructor
  | Float64ArrayConstructor
  | BigInt64ArrayConstructor
  | BigUint64ArrayConstructor

interface Form {
  readonly field: Exclude<keyof Contents, 'bytes_contents'>
  /** The array whose bytes are the raw form. */
  readonly array: ElementArray
  /** What an element may be, where the field holds more than the datatype does. */
  readonly range?: readonly [number, number]
}

/** Where the elements of each datatype stand. Those that are not here travel raw only. */
const FORMS: Readonly<Partial<Record<Exclude<Datatype, 'BYTES'>, Form>>> = {
  BOOL: { field: 'bool_contents', array: Uint8Array },
  UINT8: { field: 'uint_contents', array: Uint8Array, range: [0, 255] },
  UINT16: { field: 'uint_contents', array: Uint16Array, range: [0, 65_535] },
  UINT32: { field: 'uint_contents', array: Uint32Array },
  UINT64: { field: 'uint64_contents', array: BigUint64Array },
  INT8: { field: 'int_contents', array: Int8Array, range: [-128, 127] },
  INT16: { field: 'int_contents', array: Int16Array, range: [-32_768, 32_767] },
  INT32: { field: 'int_contents', array: Int32Array },
  INT64: { field: 'int64_contents', array: BigInt64Array },
  FP32: { field: 'fp32_contents', array: Float32Array },
  FP64: { field: 'fp64_contents', array: Float64Array },
}

/** A tensor from its typed contents. Throws BAD_REQUEST for contents of another datatype, or none. */
export function readContents(head: InputHead, contents: Contents | undefined): WireTensor {
  const { name, datatype } = head
  if (!isDatatype(datatype)) throw unknownDatatype(name, datatype)
  const form = datatype === 'BYTES' ? undefined : FORMS[datatype]
  const field: ContentsField | undefined = datatype === 'BYTES' ? 'bytes_contents' : form?.field
  if (field === undefined) {
    throw refusal(name, `has datatype ${datatype}, which has no contents: send it in raw_input_contents`)
  }
  checkContents(head, field, contents)
  if (contents === undefined) return makeTensor(head, new Uint8Array())
  if (form === undefined) return makeTensor(head, packBytes(contents.bytes_contents))
  return makeTensor(head, toBytes(name, contents[form.field], form))
}

/** Nothing but the one field may be filled, with as many elements as the shape says. */
function checkContents(
  { name, datatype, shape }: InputHead,
  field: ContentsField,
  contents: Contents | undefined,
): void {
  const filled = contents === undefined ? [] : filledFields(contents)
  const wrong = filled.find(other => other !== field)
  if (wrong !== undefined) throw refusal(name, `has datatype ${datatype}: expected ${field}, got ${wrong}`)
  const found = contents?.[field].length ?? 0
  const count = countElements(name, shape)
  if (found === count) return
  throw refusal(name, `got ${found} elements in ${field}, expected ${count} for shape [${shape.join(',')}]`)
}

export function filledFields(contents: Contents): ContentsField[] {
  // The keys of a message are the fields of its table.
  return (Object.keys(contents) as ContentsField[]).filter(field => contents[field].length > 0)
}

/** A tensor as typed contents; undefined where it can travel raw only. */
export function writeContents({ datatype, data }: WireTensor): Given | undefined {
  if (datatype === 'BYTES') return { bytes_contents: unpackBytes(data) }
  const form = FORMS[datatype]
  if (form === undefined) return undefined
  const { field, array } = form
  if (field === 'bool_contents') return { bool_contents: Array.from(data, value => value !== 0) }
  const copy = new Uint8Array(data) // Where it lies it may not be aligned.
  // Narrow integers travel as wider ones, which look the same on the wire.
  return { [field]: new array(copy.buffer) }
}

type Elements = Contents[Form['field']]

function toBytes(name: string, elements: Elements, { array, range }: Form): Uint8Array {
  if (range === undefined) return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength)
  const [least, most] = range
  // Those with a range stand in int_contents and uint_contents.
  const numbers = elements as Int32Array | Uint32Array
  const wrong = numbers.find(value => value < least || value > most)
  if (wrong !== undefined) throw refusal(name, `has an element ${wrong}, expected ${least} to ${most}`)
  const narrow = new (array as Int8ArrayConstructor)(numbers)
  return new Uint8Array(narrow.buffer)
}

function refusal(name: string, what: string): Error {
  return failure('BAD_REQUEST', `input '${clip(name)}' ${what}`)
}
