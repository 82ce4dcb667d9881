/** Element types as ONNX Runtime spells them. */
export type TensorType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool'
  | 'string'

export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | string[]

/**
 * A dense tensor in row-major order. `data.length` is the product of `dims`; `float16` keeps its bits in a
 * Uint16Array, `bool` is one byte per element (0 or 1).
 */
export interface Tensor {
  readonly type: TensorType
  readonly dims: readonly number[]
  readonly data: TensorData
}

/** Tensors by the name of the graph's input or output. */
export type Tensors = Readonly<Record<string, Tensor>>

/** One input or output as the graph declares it; a symbolic axis is its name, or '' where it has none. */
export interface TensorInfo {
  readonly name: string
  readonly type: TensorType
  readonly shape: readonly (number | string)[]
}

export interface GraphInfo {
  readonly inputs: readonly TensorInfo[]
  readonly outputs: readonly TensorInfo[]
}

/** The array that holds a tensor's elements, by element type; strings have a plain array instead. */
export const TYPED_ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const satisfies Record<Exclude<TensorType, 'string'>, unknown>

/** Zeros, or empty strings. */
export function allocate(type: TensorType, length: number): TensorData {
  return type === 'string' ? Array.from({ length }, () => '') : new TYPED_ARRAYS[type](length)
}

export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}

/** The size of the first axis; a scalar counts as one row. */
export function rowCount(tensor: Tensor): number {
  return tensor.dims[0] ?? 1
}

/** Puts tensors of one type and one row shape under each other along axis 0. A single tensor is returned as it is. */
export function joinRows(tensors: readonly Tensor[]): Tensor {
  const [first, ...others] = tensors
  if (first === undefined) throw new TypeError('joinRows needs at least one tensor')
  if (others.length === 0) return first
  for (const other of others) {
    if (other.type === first.type && sameRow(other.dims, first.dims)) continue
    throw new TypeError(`${showTensor(other)} cannot be joined to ${showTensor(first)}`)
  }
  const rows = tensors.reduce((sum, tensor) => sum + rowCount(tensor), 0)
  return { type: first.type, dims: [rows, ...first.dims.slice(1)], data: joinData(tensors) }
}

/** The reverse of joinRows: one tensor per count. Typed data is shared with `tensor`, not copied. */
export function splitRows(tensor: Tensor, counts: readonly number[]): Tensor[] {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total !== rowCount(tensor)) {
    throw new TypeError(`${showTensor(tensor)} cannot be split into ${total} rows`)
  }
  const row = tensor.dims.slice(1)
  const width = elementCount(row)
  let start = 0
  return counts.map(count => {
    const data = slice(tensor.data, start, start + count * width)
    start += count * width
    return { type: tensor.type, dims: [count, ...row], data }
  })
}

export function isTensor(value: unknown): value is Tensor {
  if (typeof value !== 'object' || value === null) return false
  if (!('type' in value && 'dims' in value && 'data' in value)) return false
  const { type, dims, data } = value
  if (typeof type !== 'string' || !Array.isArray(dims)) return false
  return isDataOf(type, data) && data.length === elementCount(dims)
}

/** Whether `data` is the kind of array that holds elements of this type. */
export function isDataOf(type: string, data: unknown): data is TensorData {
  if (type === 'string') return Array.isArray(data)
  // Object.hasOwn has shown that the key exists; the compiler does not narrow by it.
  return Object.hasOwn(TYPED_ARRAYS, type) && data instanceof TYPED_ARRAYS[type as keyof typeof TYPED_ARRAYS]
}

/** `[batch, 3, ?]`: for messages. */
export function showShape(shape: readonly (number | string)[]): string {
  return `[${shape.map(axis => (axis === '' ? '?' : axis)).join(', ')}]`
}

/** `float32 [1, 3, 8, 8]`: for messages. */
export function showTensor(tensor: Pick<Tensor, 'type' | 'dims'>): string {
  return `${tensor.type} ${showShape(tensor.dims)}`
}

function sameRow(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((dim, axis) => axis === 0 || dim === right[axis])
}

function joinData(tensors: readonly Tensor[]): TensorData {
  const parts = tensors.map(tensor => tensor.data)
  if (Array.isArray(parts[0])) return parts.flatMap(part => [...part] as string[])
  const joined = allocate(
    tensors[0]?.type ?? 'float32',
    parts.reduce((sum, part) => sum + part.length, 0),
  ) as Float32Array
  let offset = 0
  for (const part of parts) {
    // All parts have the one type that was checked above, whichever it is; the compiler sees a union of arrays.
    joined.set(part as Float32Array, offset)
    offset += part.length
  }
  return joined
}

function slice(data: TensorData, start: number, end: number): TensorData {
  return Array.isArray(data) ? data.slice(start, end) : data.subarray(start, end)
}
