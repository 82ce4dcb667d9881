import { failure } from '../errors.ts'
import { showInfo } from './check-inputs.ts'
import { fromHalf } from './half.ts'
import type { Labels } from './labels.ts'
import { splitRows } from './tensor.ts'
import type { GraphInfo, Tensor, TensorInfo } from './tensor.ts'

/** The graph's one output of scores, [batch, classes]. INVALID_MODEL where it has another form. */
export function scoresOutput({ outputs }: GraphInfo): TensorInfo {
  const [output, ...others] = outputs
  if (output === undefined || others.length > 0) {
    throw failure('INVALID_MODEL', `A classifier has one output of scores, the graph has ${outputs.length}`)
  }
  // An output without axes has a shape that is not declared; classScores sees the real one.
  const { shape, type } = output
  const fits = (shape.length === 2 || shape.length === 0) && type.startsWith('float')
  if (fits) return output
  throw failure(
    'INVALID_MODEL',
    `A classifier's output is float32 [batch, classes], the graph's "${output.name}" is ${showInfo(output)}`,
  )
}

/** The scores of each row. */
export function classScores(tensor: Tensor): ArrayLike<number>[] {
  if (tensor.dims.length !== 2)
    throw new Error(`Expected scores of [rows, classes], got [${tensor.dims.join(', ')}]`)
  const rows = splitRows(
    tensor,
    Array.from({ length: tensor.dims[0] ?? 0 }, () => 1),
  )
  // scoresOutput has seen that the type is a floating one.
  return rows.map(({ type, data }) =>
    type === 'float16' ? fromHalf(data as Uint16Array) : (data as Float32Array),
  )
}

/** Computed in double precision, rounded to float32 as PyTorch gives it. */
export function softmax(scores: ArrayLike<number>): Float32Array {
  const list = Array.from(scores)
  const largest = list.reduce((most, score) => Math.max(most, score), -Infinity)
  const powers = list.map(score => Math.exp(score - largest))
  const sum = powers.reduce((total, power) => total + power, 0)
  return Float32Array.from(powers, power => power / sum)
}

/**
 * Label to score of the `count` best classes, best first; a Map keeps that order also for labels that look like
 * integers. Of classes that share a label the best stays.
 */
export function bestClasses(scores: ArrayLike<number>, count: number, labels: Labels): Map<string, number> {
  const order = Array.from(scores, (_, index) => index).toSorted(
    (a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b,
  )
  const best = new Map<string, number>()
  for (const index of order.slice(0, count)) {
    const label = labels(index)
    if (!best.has(label)) best.set(label, scores[index] ?? 0)
  }
  return best
}
