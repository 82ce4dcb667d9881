import { createHash } from 'node:crypto'
import { dtype, factsOf, type Dtype } from './dtypes.ts'
import { toHalf } from './half.ts'
import { refuse } from './refusal.ts'
import type { Element } from './ref.ts'
import type { StoredTensor } from './stored-tensor.ts'

/** A constant of the graph: bytes at hand, or a tensor of the archive that is read when the graph is written. */
export interface Initializer {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly byteLength: number
  read(): Buffer
}

/** The graph's constants, each content once. */
export class Constants {
  readonly #byContent = new Map<string, string>()
  readonly all = new Map<string, Initializer>()
  readonly #unique: (wish: string) => string

  constructor(unique: (wish: string) => string) {
    this.#unique = unique
  }

  fromElements(type: Dtype, shape: readonly number[], elements: readonly Element[]): string {
    return this.fromBytes(type, shape, encode(type, elements))
  }

  fromBytes(type: Dtype, shape: readonly number[], bytes: Buffer, wish = 'constant'): string {
    const content =
      bytes.length > 64 ? createHash('sha256').update(bytes).digest('hex') : bytes.toString('hex')
    return this.#add(`${type}:${shape.join()}:${content}`, wish, {
      dtype: type,
      shape,
      byteLength: bytes.length,
      read: () => bytes,
    })
  }

  fromStored(tensor: StoredTensor, wish: string): string {
    const { shape, byteLength } = tensor
    return this.#add(tensor.key, wish, { dtype: tensor.dtype, shape, byteLength, read: () => tensor.read() })
  }

  #add(key: string, wish: string, content: Omit<Initializer, 'name'>): string {
    const known = this.#byContent.get(key)
    if (known !== undefined) return known
    const name = this.#unique(wish)
    this.#byContent.set(key, name)
    this.all.set(name, { name, ...content })
    return name
  }
}

/** Elements as ONNX's raw data. */
export function encode(type: Dtype, elements: readonly Element[]): Buffer {
  const width = factsOf(type).bytes
  const bytes = Buffer.alloc(elements.length * width)
  const write = writers[type]
  if (write === undefined) return refuse(`constants of type ${factsOf(type).name} cannot be written`)
  elements.forEach((element, index) => write(bytes, index * width, element))
  return bytes
}

function toBigInt(value: Element): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'boolean') return value ? 1n : 0n
  return typeof value === 'number' && Number.isFinite(value)
    ? BigInt(Math.trunc(value))
    : refuse('a number is no whole number')
}

const writers: Partial<Record<Dtype, (bytes: Buffer, at: number, value: Element) => void>> = {
  [dtype.float32]: (bytes, at, value) => bytes.writeFloatLE(Number(value), at),
  [dtype.float64]: (bytes, at, value) => bytes.writeDoubleLE(Number(value), at),
  [dtype.float16]: (bytes, at, value) => bytes.writeUInt16LE(toHalf(Number(value)), at),
  [dtype.int64]: (bytes, at, value) => bytes.writeBigInt64LE(BigInt.asIntN(64, toBigInt(value)), at),
  [dtype.int32]: (bytes, at, value) => bytes.writeInt32LE(Number(BigInt.asIntN(32, toBigInt(value))), at),
  [dtype.int16]: (bytes, at, value) => bytes.writeInt16LE(Number(BigInt.asIntN(16, toBigInt(value))), at),
  [dtype.int8]: (bytes, at, value) => bytes.writeInt8(Number(BigInt.asIntN(8, toBigInt(value))), at),
  [dtype.uint8]: (bytes, at, value) => bytes.writeUInt8(Number(BigInt.asUintN(8, toBigInt(value))), at),
  [dtype.bool]: (bytes, at, value) => bytes.writeUInt8(Number(value) === 0 ? 0 : 1, at),
}
