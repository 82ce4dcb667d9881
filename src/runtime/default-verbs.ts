/** What a handler's verbs do where it leaves them out. */
import type { Context, Input } from './handler.ts'
import { inferBatch } from './infer-batch.ts'
import { jsonOf, tensorsFromJson, tensorsToJson } from './json-tensors.ts'
import { rowCount } from './tensor.ts'
import type { Tensors } from './tensor.ts'

/** Whether a request gave one row without the axis of rows; absent where a handler's own preprocess read it. */
const singles = new WeakMap<Input, boolean>()

/** `inference` gives one answer or error per entry: unlike a handler's own verb it lets one entry fail alone. */
export const defaultVerbs = { preprocess, inference, postprocess }

function preprocess(input: Input, { session }: Context): Tensors {
  const { tensors, single } = tensorsFromJson(jsonOf(input, session.graph), session.graph)
  singles.set(input, single)
  return tensors
}

function inference(batch: readonly Tensors[], { session }: Context): Promise<(Tensors | Error)[]> {
  return inferBatch(session, batch)
}

function postprocess(output: Tensors, input: Input): unknown {
  const single = singles.get(input) ?? Object.values(output).every(tensor => rowCount(tensor) === 1)
  return tensorsToJson(output, single)
}
