/** The `data` of a tensor as JSON, flat: floats in the fewest digits that read back as the same value. */
import { failure } from '../errors.ts'
import { unpackBytes } from '../inference/infer-input.ts'
import { elementsOf, type WireTensor } from '../runtime/datatype.ts'
import { writeSingles } from './single-json.ts'

/** What stands for NaN and the infinities: bare tokens, null, strings, or a refusal. */
export type NonFinite = 'token' | 'null' | 'string' | 'error'

export interface TensorJson {
  /** The list, as JSON. */
  readonly data: string
  /** The elements were not text: they are base64. */
  readonly isBase64: boolean
}

export function writeTensorJson(tensor: WireTensor, nonFinite: NonFinite): TensorJson {
  if (tensor.datatype === 'BYTES') return writeTexts(tensor)
  return { data: `[${writeNumbers(tensor, nonFinite)}]`, isBase64: false }
}

const ELEMENTS = {
  UINT8: Uint8Array,
  INT8: Int8Array,
  UINT16: Uint16Array,
  INT16: Int16Array,
  UINT32: Uint32Array,
  INT32: Int32Array,
  UINT64: BigUint64Array,
  INT64: BigInt64Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const

type Numbers = InstanceType<(typeof ELEMENTS)[keyof typeof ELEMENTS]>

function writeNumbers({ name, datatype, data }: WireTensor, nonFinite: NonFinite): string {
  if (datatype === 'BOOL') return Array.from(data, flag => flag !== 0).join(',')
  if (datatype === 'FP16' || datatype === 'BF16' || datatype === 'BYTES') {
    throw failure(
      'BAD_REQUEST',
      `output '${name}': ${datatype} cannot be sent as JSON, ask for it as binary_data`,
    )
  }
  const values = elementsOf<Numbers>(ELEMENTS[datatype], data)
  const printSpecial = (value: number) => writeNonFinite(value, name, nonFinite)
  if (values instanceof Float32Array) return writeSingles(values, printSpecial)
  if (values instanceof Float64Array) {
    return Array.from(values, value =>
      Number.isFinite(value) ? printDouble(value) : printSpecial(value),
    ).join()
  }
  return values.join(',')
}

function printDouble(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

function writeNonFinite(value: number, name: string, nonFinite: NonFinite): string {
  if (nonFinite === 'token') return String(value)
  if (nonFinite === 'null') return 'null'
  if (nonFinite === 'string') return `"${value}"`
  throw failure(
    'NOT_SERVED',
    `output '${name}' holds ${value}, which JSON cannot say; ask for it as binary_data`,
  )
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function writeTexts({ data }: WireTensor): TensorJson {
  const elements = unpackBytes(data)
  try {
    return { data: JSON.stringify(elements.map(element => utf8.decode(element))), isBase64: false }
  } catch {
    const texts = elements.map(element => Buffer.from(element).toString('base64'))
    return { data: JSON.stringify(texts), isBase64: true }
  }
}
