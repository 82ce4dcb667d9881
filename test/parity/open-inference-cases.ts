/** What the Open Inference Protocol is asked over every transport, and what it answers. */

/** A tensor as bytes; see WireTensor. */
export interface CaseTensor {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  readonly data: Buffer
}

export interface Asked {
  readonly model: string
  readonly version?: string
  readonly id?: string
  readonly tensors: readonly CaseTensor[]
  /** Names of the outputs that are wanted; none: all. */
  readonly outputs?: readonly string[]
  /** Each wanted output as its best so many classes. */
  readonly classes?: number
}

export type Got =
  | { readonly ok: true; readonly id: string | undefined; readonly tensors: readonly CaseTensor[] }
  /** The status is HTTP's; a transport with another one says which it stands for. */
  | { readonly ok: false; readonly status: number; readonly error: string }

/** One way to ask. */
export interface Transport {
  readonly name: string
  /** Whether it can carry tensors of this datatype. */
  readonly carries: (datatype: string) => boolean
  /** How it refuses the others. */
  readonly refusal: RegExp
  infer(asked: Asked): Promise<Got>
}

interface Elements {
  readonly datatype: string
  /** The model that gives back what it gets. */
  readonly model: string
  /** So many elements as bytes. */
  readonly make: (count: number) => Buffer
}

function bytesOf(array: ArrayBufferView<ArrayBuffer>): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength)
}

const count = (length: number, value: (index: number) => number) =>
  Array.from({ length }, (_, index) => value(index))
const bigCount = (length: number, value: (index: number) => bigint) =>
  Array.from({ length }, (_, index) => value(index))

/** Of every datatype elements that are hard to carry. */
export const ELEMENTS: readonly Elements[] = [
  { datatype: 'BOOL', model: 'id_bool', make: n => bytesOf(Uint8Array.from(count(n, i => i % 2))) },
  { datatype: 'UINT8', model: 'id_uint8', make: n => bytesOf(Uint8Array.from(count(n, i => 255 - i))) },
  { datatype: 'UINT16', model: 'id_uint16', make: n => bytesOf(Uint16Array.from(count(n, i => 65_535 - i))) },
  {
    datatype: 'UINT32',
    model: 'id_uint32',
    make: n => bytesOf(Uint32Array.from(count(n, i => 2 ** 32 - 1 - i))),
  },
  {
    datatype: 'UINT64',
    model: 'id_uint64',
    make: n => bytesOf(BigUint64Array.from(bigCount(n, i => 2n ** 64n - 1n - BigInt(i)))),
  },
  { datatype: 'INT8', model: 'id_int8', make: n => bytesOf(Int8Array.from(count(n, i => i - 128))) },
  { datatype: 'INT16', model: 'id_int16', make: n => bytesOf(Int16Array.from(count(n, i => i - 32_768))) },
  { datatype: 'INT32', model: 'id_int32', make: n => bytesOf(Int32Array.from(count(n, i => i - 2 ** 31))) },
  {
    datatype: 'INT64',
    model: 'id_int64',
    make: n => bytesOf(BigInt64Array.from(bigCount(n, i => BigInt(i) - 2n ** 63n))),
  },
  { datatype: 'FP16', model: 'id_float16', make: n => bytesOf(Uint16Array.from(count(n, i => 0x3c00 + i))) },
  {
    datatype: 'FP32',
    model: 'id_float32',
    make: n =>
      bytesOf(Float32Array.from(count(n, i => [Number.NaN, -Infinity, 1e-45, 3.4e38][i] ?? Math.sin(i)))),
  },
  {
    datatype: 'FP64',
    model: 'id_float64',
    make: n =>
      bytesOf(Float64Array.from(count(n, i => [Number.NaN, Infinity, 5e-324, 1.7e308][i] ?? Math.sin(i)))),
  },
  {
    datatype: 'BYTES',
    model: 'id_string',
    make: n =>
      Buffer.concat(
        count(n, i => i).flatMap(i => {
          const text = Buffer.from(['', 'grün', '"quoted" \\ \n', '𝄞'][i] ?? `text ${i}`)
          const length = Buffer.alloc(4)
          length.writeUInt32LE(text.length)
          return [length, text]
        }),
      ),
  },
]

/** Shapes that the identity models take. */
export const SHAPES: readonly { readonly title: string; readonly shape: readonly number[] }[] = [
  { title: 'one element', shape: [1, 1] },
  { title: 'no rows', shape: [0, 3] },
  { title: 'empty rows', shape: [2, 0] },
  { title: 'a few rows', shape: [3, 5] },
  { title: 'many elements', shape: [4, 20_000] },
]

const floats = (...values: number[]) => bytesOf(Float32Array.from(values))
const x = (shape: readonly number[], data: Buffer, datatype = 'FP32'): CaseTensor => ({
  name: 'x',
  datatype,
  shape,
  data,
})

export interface FailingCase {
  readonly about: string
  readonly asked: Asked
  readonly status: number
  readonly error: RegExp
}

/** Each status, with the words that clients look for. */
export const FAILING: readonly FailingCase[] = [
  {
    about: 'an unknown model',
    asked: { model: 'nobody', tensors: [] },
    status: 404,
    error: /^Request for unknown model: 'nobody' is not found$/,
  },
  {
    about: 'an unknown version',
    asked: { model: 'rows', version: '9.9', tensors: [] },
    status: 404,
    error: /^Request for unknown model: 'rows' version 9.9 is not found$/,
  },
  {
    about: 'an input that is missing',
    asked: { model: 'rows', tensors: [] },
    status: 400,
    error: /^expected 1 inputs but got 0 inputs for model 'rows'/,
  },
  {
    about: 'an input that the model has not',
    asked: { model: 'rows', tensors: [{ ...x([1, 2], floats(1, 2)), name: 'z' }] },
    status: 400,
    error: /^unexpected inference input 'z' for model 'rows'/,
  },
  {
    about: 'an output that the model has not',
    asked: { model: 'rows', tensors: [x([1, 2], floats(1, 2))], outputs: ['z'] },
    status: 400,
    error: /^unexpected inference output 'z' for model 'rows'/,
  },
  {
    about: 'another datatype',
    asked: { model: 'rows', tensors: [x([1, 2], bytesOf(Int32Array.of(1, 2)), 'INT32')] },
    status: 400,
    error: /^inference input 'x' data-type is 'INT32', but model 'rows' expects 'FP32'$/,
  },
  {
    about: 'another shape',
    asked: { model: 'rows', tensors: [x([1, 3], floats(1, 2, 3))] },
    status: 400,
    error: /^unexpected shape for input 'x' for model 'rows'. Expected \[-1,2\], got \[1,3\]$/,
  },
  {
    about: 'another rank',
    asked: { model: 'rows', tensors: [x([2], floats(1, 2))] },
    status: 400,
    error: /^unexpected shape for input 'x' for model 'rows'/,
  },
  {
    about: 'a negative axis',
    asked: { model: 'rows', tensors: [x([-1, 2], floats(1, 2))] },
    status: 400,
    error: /must be whole numbers >= 0, got \[-1,2\]/,
  },
  {
    about: 'a shape that no memory holds',
    asked: { model: 'rows', tensors: [x([2 ** 40, 2 ** 40], floats(1, 2))] },
    status: 400,
    error: /exceeds the maximum allowed/,
  },
  {
    about: 'classes of what is no number',
    asked: {
      model: 'id_bool',
      tensors: [{ ...x([1, 1], Buffer.of(1)), datatype: 'BOOL' }],
      outputs: ['y'],
      classes: 1,
    },
    status: 400,
    error: /^output 'y' of BOOL has no classes/,
  },
  {
    about: 'an unknown datatype',
    asked: { model: 'rows', tensors: [x([1, 2], floats(1, 2), 'FP31')] },
    status: 400,
    error: /unknown datatype 'FP31'/,
  },
]

export interface ClassifiedCase {
  readonly about: string
  readonly asked: Asked
  readonly shape: readonly number[]
  readonly classes: readonly string[]
}

const scores = (shape: readonly number[], ...values: number[]) => [x(shape, floats(...values))]
const best = (classes: number) => ({ outputs: ['y'], classes })

/** Outputs as classes: `value:index`, and `:label` where the model's archive has one. */
export const CLASSIFIED: readonly ClassifiedCase[] = [
  {
    about: 'the best of each row',
    asked: { model: 'id_float32', tensors: scores([2, 3], 0.1, 0.7, 0.2, 3, 1, 2), ...best(2) },
    shape: [2, 2],
    classes: ['0.7:1', '0.2:2', '3:0', '2:2'],
  },
  {
    about: 'with their labels, whatever is in them',
    asked: { model: 'labelled', tensors: scores([1, 3], 0.25, 0.5, 1), ...best(3) },
    shape: [1, 3],
    classes: ['1:2:grün', '0.5:1:a:b', '0.25:0:cat'],
  },
  {
    about: 'without a label where there is none',
    asked: { model: 'labelled', tensors: scores([1, 4], 0, 1, 2, 3), ...best(2) },
    shape: [1, 2],
    classes: ['3:3', '2:2:grün'],
  },
  {
    about: 'all, where more are asked for than there are',
    asked: { model: 'labelled', tensors: scores([1, 2], -1, 2), ...best(1000) },
    shape: [1, 2],
    classes: ['2:1:a:b', '-1:0:cat'],
  },
  {
    about: 'the first of equal ones',
    asked: { model: 'labelled', tensors: scores([1, 3], 5, 5, 5), ...best(1) },
    shape: [1, 1],
    classes: ['5:0:cat'],
  },
  {
    about: 'of no rows, none',
    asked: { model: 'labelled', tensors: scores([0, 3]), ...best(2) },
    shape: [0, 2],
    classes: [],
  },
]
