import { dtype, factsOf, type Dtype } from './dtypes.ts'
import { refuse } from './refusal.ts'
import { shown, type ZipFile } from './zip.ts'

/** The bytes of one storage: a range of the archive, read when they are needed. */
export interface Storage {
  readonly key: string
  readonly dtype: Dtype
  readonly offset: number
  readonly bytes: number
  readonly zip: ZipFile
}

/** How a quantised tensor's numbers mean real ones, per tensor or per slice along `axis`. */
export interface Quantisation {
  readonly scales: readonly number[]
  readonly zeroPoints: readonly number[]
  readonly axis: number
}

const MAX_RANK = 16
const MAX_ELEMENTS = 2 ** 40

/** A tensor of the archive: a view of a storage. Nothing is read until `read`. */
export class StoredTensor {
  readonly storage: Storage
  readonly offset: number
  readonly shape: readonly number[]
  readonly strides: readonly number[]
  readonly quantised: Quantisation | undefined

  constructor(
    storage: Storage,
    view: { offset: number; shape: number[]; strides: number[]; quantised?: Quantisation },
  ) {
    this.storage = storage
    this.offset = view.offset
    this.shape = view.shape
    this.strides = view.strides
    this.quantised = view.quantised
    this.#check()
  }

  get dtype(): Dtype {
    return this.storage.dtype
  }

  get elements(): number {
    return this.shape.reduce((count, size) => count * size, 1)
  }

  get byteLength(): number {
    return this.elements * factsOf(this.dtype).bytes
  }

  /** Tells apart views of the same storage; equal keys mean equal content. */
  get key(): string {
    return `${this.storage.zip.id}:${this.storage.key}:${this.dtype}:${this.offset}:${this.shape.join()}:${this.strides.join()}`
  }

  get contiguous(): boolean {
    let expected = 1
    for (let axis = this.shape.length - 1; axis >= 0; axis--) {
      const size = this.shape[axis] ?? 1
      if (size !== 1 && this.strides[axis] !== expected) return false
      expected *= size
    }
    return true
  }

  /** The elements in row order, little endian. */
  read(): Buffer {
    const width = factsOf(this.dtype).bytes
    if (this.elements === 0) return Buffer.alloc(0)
    const start = this.storage.offset + this.offset * width
    if (this.contiguous) return this.storage.zip.range(start, this.byteLength)
    const span = this.shape.reduce((last, size, axis) => last + (size - 1) * (this.strides[axis] ?? 0), 0) + 1
    return this.#gather(this.storage.zip.range(start, span * width), width)
  }

  #gather(source: Buffer, width: number): Buffer {
    const target = Buffer.alloc(this.byteLength)
    const [from, to] = [wordsOf(source, width), wordsOf(target, width)]
    const [rows = 1, columns = 1] = this.shape.slice(-2)
    const [down = 0, right = 0] = this.strides.slice(-2)
    if (this.shape.length === 2) copyMatrix(from, to, { rows, columns, down, right })
    else this.#walk(from, to)
    return target
  }

  #walk(from: Words, to: Words): void {
    const index = this.shape.map(() => 0)
    let at = 0
    for (let done = 0; done < to.length; done++) {
      to[done] = from[at] ?? 0
      for (let axis = this.shape.length - 1; axis >= 0; axis--) {
        const [stride, size] = [this.strides[axis] ?? 0, this.shape[axis] ?? 1]
        at += stride
        index[axis] = (index[axis] ?? 0) + 1
        if ((index[axis] ?? 0) < size) break
        at -= stride * size
        index[axis] = 0
      }
    }
  }

  #check(): void {
    const { shape, strides, offset, storage } = this
    const whole = [offset, ...shape, ...strides].every(value => Number.isSafeInteger(value) && value >= 0)
    if (!whole || shape.length !== strides.length || shape.length > MAX_RANK || this.elements > MAX_ELEMENTS)
      refuse(`a tensor in storage ${shown(storage.key)} has an impossible shape`)
    if (this.elements === 0) return
    const last = shape.reduce((at, size, axis) => at + (size - 1) * (strides[axis] ?? 0), offset)
    if ((last + 1) * factsOf(storage.dtype).bytes > storage.bytes)
      refuse(`a tensor of shape [${shape.join(', ')}] does not fit into its storage ${shown(storage.key)}`)
    // A stride of zero lets a small file claim any amount of memory.
    if (this.byteLength > Math.max(storage.bytes * 16, 2 ** 26))
      refuse(
        `a tensor of shape [${shape.join(', ')}] repeats its small storage ${shown(storage.key)} too often`,
      )
  }
}

type Words = Uint8Array | Uint16Array | Uint32Array

const WORDS: Readonly<Record<number, typeof Uint8Array | typeof Uint16Array | typeof Uint32Array>> = {
  2: Uint16Array,
  4: Uint32Array,
}

/** The bytes as numbers of their width, to be copied as they are. `source` must begin at a multiple of the width. */
function wordsOf(source: Buffer, width: number): Words {
  const bytes = source.byteOffset % width === 0 ? source : Buffer.from(new Uint8Array(source).buffer)
  // Copies look the same for bigint: the elements go from array to array as they are. As floats, some would change.
  const make = (width === 8 ? BigUint64Array : (WORDS[width] ?? Uint8Array)) as unknown as typeof Uint32Array
  return new make(bytes.buffer, bytes.byteOffset, bytes.byteLength / width)
}

interface Matrix {
  readonly rows: number
  readonly columns: number
  /** How far apart neighbours stand in the source. */
  readonly down: number
  readonly right: number
}

const BLOCK = 32

/** In small squares, so that both sides stay in the processor's cache. */
function copyMatrix(from: Words, to: Words, matrix: Matrix): void {
  for (let top = 0; top < matrix.rows; top += BLOCK)
    for (let left = 0; left < matrix.columns; left += BLOCK) copySquare(from, to, matrix, { top, left })
}

function copySquare(
  from: Words,
  to: Words,
  matrix: Matrix,
  { top, left }: { top: number; left: number },
): void {
  const { rows, columns, down, right } = matrix
  const [bottom, end] = [Math.min(top + BLOCK, rows), Math.min(left + BLOCK, columns)]
  for (let row = top; row < bottom; row++)
    for (let column = left; column < end; column++)
      to[row * columns + column] = from[row * down + column * right] ?? 0
}

/** The elements of a small tensor as numbers (bigint for integers). Refuses types that have no numbers here. */
export function readElements(tensor: StoredTensor): (number | bigint | boolean)[] {
  const bytes = tensor.read()
  return decode(bytes, tensor.dtype)
}

export function decode(bytes: Buffer, type: Dtype): (number | bigint | boolean)[] {
  const width = factsOf(type).bytes
  const read = readers[type]
  if (read === undefined) return refuse(`tensors of type ${factsOf(type).name} cannot be read as numbers`)
  return Array.from({ length: bytes.length / width }, (_, index) => read(bytes, index * width))
}

const readers: Partial<Record<Dtype, (bytes: Buffer, at: number) => number | bigint | boolean>> = {
  [dtype.float32]: (bytes, at) => bytes.readFloatLE(at),
  [dtype.float64]: (bytes, at) => bytes.readDoubleLE(at),
  [dtype.int64]: (bytes, at) => bytes.readBigInt64LE(at),
  [dtype.int32]: (bytes, at) => BigInt(bytes.readInt32LE(at)),
  [dtype.int16]: (bytes, at) => BigInt(bytes.readInt16LE(at)),
  [dtype.int8]: (bytes, at) => BigInt(bytes.readInt8(at)),
  [dtype.uint8]: (bytes, at) => BigInt(bytes.readUInt8(at)),
  [dtype.bool]: (bytes, at) => bytes.readUInt8(at) !== 0,
}
