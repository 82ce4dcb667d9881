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
