import { readFileSync } from 'node:fs'
import * as ort from 'onnxruntime-node'

const TYPES: Record<
  string,
  { type: ort.Tensor.Type; read(bytes: Buffer): ort.Tensor.DataTypeMap[ort.Tensor.Type] }
> = {
  '<f4': { type: 'float32', read: bytes => new Float32Array(aligned(bytes)) },
  '<f8': { type: 'float64', read: bytes => new Float64Array(aligned(bytes)) },
  '<i8': { type: 'int64', read: bytes => new BigInt64Array(aligned(bytes)) },
  '<i4': { type: 'int32', read: bytes => new Int32Array(aligned(bytes)) },
  '<i2': { type: 'int16', read: bytes => new Int16Array(aligned(bytes)) },
  '|i1': { type: 'int8', read: bytes => new Int8Array(aligned(bytes)) },
  '|u1': { type: 'uint8', read: bytes => new Uint8Array(aligned(bytes)) },
  '|b1': { type: 'bool', read: bytes => new Uint8Array(aligned(bytes)) },
  '<f2': { type: 'float16', read: bytes => new Uint16Array(aligned(bytes)) as never },
}

function aligned(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}

/** Reads an array that NumPy saved, in row order. */
export function readNpy(path: string): ort.Tensor {
  const bytes = readFileSync(path)
  const length = bytes.readUInt8(6) === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8)
  const start = bytes.readUInt8(6) === 1 ? 10 : 12
  const header = bytes.toString('latin1', start, start + length)
  const descr = /'descr': '([^']+)'/.exec(header)?.[1] ?? ''
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? '').split(',').filter(part => part.trim() !== '')
  const kind = TYPES[descr]
  if (kind === undefined || header.includes("'fortran_order': True")) throw new Error(`${path}: ${header}`)
  // The element type and the array agree by the table.
  return new ort.Tensor(kind.type, kind.read(bytes.subarray(start + length)), shape.map(Number))
}
