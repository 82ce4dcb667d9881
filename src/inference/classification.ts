/** The classification extension: an output as its best classes, each `value:index`, or `value:index:label`. */
import { failure } from '../errors.ts'
import { elementsOf, type WireTensor } from '../runtime/datatype.ts'
import type { Labels } from '../runtime/labels.ts'
import { packBytes } from './infer-input.ts'

const MAX_ELEMENTS = 1_000_000
const NUMERIC = {
  FP32: Float32Array,
  FP64: Float64Array,
  INT8: Int8Array,
  UINT8: Uint8Array,
  INT16: Int16Array,
  UINT16: Uint16Array,
  INT32: Int32Array,
  UINT32: Uint32Array,
} as const

/**
 * BYTES of [rows, count], or [count] for a tensor of one axis; a class without a label has no suffix. Throws BAD_REQUEST
 * for an output that has no classes.
 */
export function classify(
  { name, datatype, shape, data }: WireTensor,
  count: number,
  labels: Labels,
): WireTensor {
  if (!Object.hasOwn(NUMERIC, datatype)) {
    throw failure(
      'BAD_REQUEST',
      `output '${name}' of ${datatype} has no classes: expected numbers of 32 bits or FP64`,
    )
  }
  // Object.hasOwn has shown that the key exists; the compiler does not narrow by it.
  const scores: Scores = elementsOf<Scores>(NUMERIC[datatype as keyof typeof NUMERIC], data)
  const [rows = 1, ...axes] = shape.length < 2 ? [1, ...shape] : shape
  const width = axes.reduce((product, axis) => product * axis, 1)
  const kept = Math.min(count, width)
  if (rows * kept > MAX_ELEMENTS) {
    throw failure(
      'BAD_REQUEST',
      `classification of output '${name}' exceeds the maximum allowed ${MAX_ELEMENTS} elements`,
    )
  }
  const printScore = datatype === 'FP32' ? shortestSingle : String
  const print = (score: number, index: number) => {
    const label = labels(index)
    return `${printScore(score)}:${index}${label === String(index) ? '' : `:${label}`}`
  }
  const elements = Array.from({ length: rows }, (_, row) =>
    best(scores.subarray(row * width, (row + 1) * width), kept, print),
  )
  const shown = shape.length < 2 ? [kept] : [rows, kept]
  return { name, datatype: 'BYTES', shape: shown, data: packBytes(elements.flat()) }
}

type Scores = InstanceType<(typeof NUMERIC)[keyof typeof NUMERIC]>

/** The highest scores first, of equal ones the first. */
function best(scores: Scores, count: number, print: (score: number, index: number) => string): Uint8Array[] {
  const order = Array.from(scores.keys()).toSorted((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0))
  return order.slice(0, count).map(index => Buffer.from(print(scores[index] ?? 0, index)))
}

/** The shortest decimal that is read as this single. */
function shortestSingle(value: number): string {
  for (let digits = 1; digits < MOST_DIGITS; digits++) {
    const rounded = Number(value.toPrecision(digits))
    if (Math.fround(rounded) === value) return String(rounded)
  }
  return String(Number.isFinite(value) ? Number(value.toPrecision(MOST_DIGITS)) : value)
}

/** Enough for every single. */
const MOST_DIGITS = 9
