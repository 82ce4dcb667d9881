/** What a handler's verbs do where it leaves them out. */
import type { Context, Input } from './handler.ts'
import { inferBatch } from './infer-batch.ts'
import { jsonOf, tensorsFromJson, tensorsToJson } from './json-tensors.ts'
import { rowCount } from './tensor.ts'
import type { Tensors } from './tensor.ts'

/**
 * Whether a request gave one row without the axis of rows; absent where a handler's own preprocess read it. Kept with the
 * request: a WeakMap costs the garbage collector more than the model costs.
 */
const SINGLE = Symbol('single')
type Marked = Input & { [SINGLE]?: boolean }

/** `inference` gives one answer or error per entry: unlike a handler's own verb it lets one entry fail alone. */
export const defaultVerbs = { preprocess, inference, postprocess }

function preprocess(input: Marked, { session }: Context): Tensors {
  const { tensors, single } = tensorsFromJson(jsonOf(input, session.graph), session.graph)
  input[SINGLE] = single
  return tensors
}

function inference(batch: readonly Tensors[], { session }: Context): Promise<(Tensors | Error)[]> {
  return inferBatch(session, batch)
}

function postprocess(output: Tensors, input: Marked): unknown {
  const single = input[SINGLE] ?? Object.values(output).every(tensor => rowCount(tensor) === 1)
  return tensorsToJson(output, single)
}
