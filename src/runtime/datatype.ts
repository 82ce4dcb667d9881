/** Element types as the Open Inference Protocol spells them, and how they travel as bytes. */
import type { TensorType } from './tensor.ts'

/** `type` is ONNX Runtime's name, undefined where no tensor of it can be made; `bytes` per element, 0 for BYTES. */
export const DATATYPES = {
  BOOL: { type: 'bool', bytes: 1 },
  UINT8: { type: 'uint8', bytes: 1 },
  UINT16: { type: 'uint16', bytes: 2 },
  UINT32: { type: 'uint32', bytes: 4 },
  UINT64: { type: 'uint64', bytes: 8 },
  INT8: { type: 'int8', bytes: 1 },
  INT16: { type: 'int16', bytes: 2 },
  INT32: { type: 'int32', bytes: 4 },
  INT64: { type: 'int64', bytes: 8 },
  FP16: { type: 'float16', bytes: 2 },
  BF16: { type: undefined, bytes: 2 },
  FP32: { type: 'float32', bytes: 4 },
  FP64: { type: 'float64', bytes: 8 },
  BYTES: { type: 'string', bytes: 0 },
} as const satisfies Record<string, { type: TensorType | undefined; bytes: number }>

export type Datatype = keyof typeof DATATYPES

export function isDatatype(text: string): text is Datatype {
  return Object.hasOwn(DATATYPES, text)
}

const BY_TYPE = new Map<TensorType, Datatype>(
  // The keys of the table are the datatypes.
  (Object.keys(DATATYPES) as Datatype[]).flatMap(name => {
    const { type } = DATATYPES[name]
    return type === undefined ? [] : [[type, name] as const]
  }),
)

export function datatypeOf(type: TensorType): Datatype {
  return BY_TYPE.get(type) ?? 'BYTES'
}

/**
 * A tensor as it crosses wires: `data` is little-endian in row-major order without padding; each element of BYTES is its
 * length as a u32 and its bytes.
 */
export interface WireTensor {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
  readonly data: Uint8Array
}

/** The elements of a tensor's data; copied where they do not lie as the type needs them. */
export function elementsOf<T>(
  Elements: (new (buffer: ArrayBuffer, offset: number, length: number) => T) & { BYTES_PER_ELEMENT: number },
  data: Uint8Array,
): T {
  const size = Elements.BYTES_PER_ELEMENT
  const bytes = data.byteOffset % size === 0 ? data : new Uint8Array(data)
  // Bytes of a message never lie in shared memory.
  return new Elements(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / size)
}
