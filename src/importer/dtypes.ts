import { refuse } from './refusal.ts'

/** PyTorch's scalar types by the numbers that stand in the printed code. */
export const dtype = {
  uint8: 0,
  int8: 1,
  int16: 2,
  int32: 3,
  int64: 4,
  float16: 5,
  float32: 6,
  float64: 7,
  bool: 11,
  qint8: 12,
  quint8: 13,
  bfloat16: 15,
} as const

export type Dtype = (typeof dtype)[keyof typeof dtype]

interface Facts {
  readonly name: string
  readonly bytes: number
  /** TensorProto.DataType. */
  readonly onnx: number
  /** bool < integer < floating point: PyTorch promotes by category first. */
  readonly category: 0 | 1 | 2
}

const facts: Record<Dtype, Facts> = {
  0: { name: 'uint8', bytes: 1, onnx: 2, category: 1 },
  1: { name: 'int8', bytes: 1, onnx: 3, category: 1 },
  2: { name: 'int16', bytes: 2, onnx: 5, category: 1 },
  3: { name: 'int32', bytes: 4, onnx: 6, category: 1 },
  4: { name: 'int64', bytes: 8, onnx: 7, category: 1 },
  5: { name: 'float16', bytes: 2, onnx: 10, category: 2 },
  6: { name: 'float32', bytes: 4, onnx: 1, category: 2 },
  7: { name: 'float64', bytes: 8, onnx: 11, category: 2 },
  11: { name: 'bool', bytes: 1, onnx: 9, category: 0 },
  12: { name: 'qint8', bytes: 1, onnx: 3, category: 1 },
  13: { name: 'quint8', bytes: 1, onnx: 2, category: 1 },
  15: { name: 'bfloat16', bytes: 2, onnx: 16, category: 2 },
}

export function factsOf(type: Dtype): Facts {
  return facts[type]
}

export function isFloating(type: Dtype): boolean {
  return facts[type].category === 2
}

/** The type with this number; refuses complex, quantised and unknown ones. */
export function toDtype(value: bigint): Dtype {
  const found = Object.values(dtype).find(type => BigInt(type) === value)
  if (found === undefined)
    return refuse(`tensors of PyTorch's scalar type ${value} (complex or newer) have no ONNX form`)
  return found
}

export function dtypeNamed(name: string): Dtype | undefined {
  const found = Object.entries(dtype).find(([key]) => key === name)
  return found?.[1]
}

const STORAGES: Readonly<Record<string, Dtype>> = {
  'torch.FloatStorage': dtype.float32,
  'torch.DoubleStorage': dtype.float64,
  'torch.HalfStorage': dtype.float16,
  'torch.BFloat16Storage': dtype.bfloat16,
  'torch.LongStorage': dtype.int64,
  'torch.IntStorage': dtype.int32,
  'torch.ShortStorage': dtype.int16,
  'torch.CharStorage': dtype.int8,
  'torch.ByteStorage': dtype.uint8,
  'torch.BoolStorage': dtype.bool,
  'torch.QInt8Storage': dtype.qint8,
  'torch.QUInt8Storage': dtype.quint8,
}

/** The element type of a storage class such as `torch.FloatStorage`. */
export function storageDtype(name: string): Dtype | undefined {
  return Object.hasOwn(STORAGES, name) ? STORAGES[name] : undefined
}

/** bool < integer < floating point, then the wider one; half and bfloat16 meet in float32. */
export function promote(a: Dtype, b: Dtype): Dtype {
  if (a === b) return a
  const [left, right] = [facts[a], facts[b]]
  if (left.category !== right.category) return left.category > right.category ? a : b
  if (left.category === 1 && (a === dtype.uint8 || b === dtype.uint8))
    return withBytes(a === dtype.uint8 ? b : a)
  if (left.bytes === right.bytes) return dtype.float32
  return left.bytes > right.bytes ? a : b
}

/** Unsigned bytes fit into every wider type, and meet signed ones in 16 bits. */
function withBytes(other: Dtype): Dtype {
  return other === dtype.int8 ? dtype.int16 : other
}
