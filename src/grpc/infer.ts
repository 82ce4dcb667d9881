/** One inference of the Open Inference Protocol over gRPC: message to tensors, tensors to message. */
import { failure } from '../errors.ts'
import { clip, makeTensor } from '../inference/infer-input.ts'
import {
  readClasses,
  readPriority,
  readTimeoutMs,
  refuseReserved,
  refuseSharedMemory,
} from '../inference/infer-parameters.ts'
import type { Inference, Predictor } from '../inference/predictor.ts'
import type { WireTensor } from '../runtime/datatype.ts'
import type { Call } from './call.ts'
import type { Read, Written } from './protobuf/message.ts'
import { ModelInferResponse, type InferParameter, type ModelInferRequest } from './services-open-inference.ts'
import { filledFields, readContents, writeContents } from './tensor-contents.ts'

type Request = Read<typeof ModelInferRequest>
type Response = Written<typeof ModelInferResponse>
type Parameter = Read<typeof InferParameter>

export interface InferParts {
  readonly predictor: Predictor
  /** Bytes that an answer may have beside what names and shapes take. */
  readonly maxResponseSize: number
}

/** Inputs or outputs of one request; no model has more. */
const MAX_TENSORS = 1024
/** What the name and the shape of an output may take. */
const HEAD_BYTES = 1024

/** Throws a Failure for whatever did not work. */
export async function infer(
  { predictor, maxResponseSize }: InferParts,
  request: Request,
  call: Call,
): Promise<Response> {
  const { model_name: model, model_version: version } = request
  if (model === '') throw failure('MISSING_PARAMETER', 'model_name')
  const parameters = toObject(request.parameters)
  refuseReserved(parameters, 'gRPC')
  const classes = readOutputs(request)
  const { requestId, headers, isGone } = call
  const timeoutMs = sooner(call.timeoutMs, readTimeoutMs(parameters))
  const inference = await predictor.infer({
    model,
    version: version || undefined,
    requestId,
    headers,
    tensors: readInputs(request),
    outputs: [...classes.keys()],
    classes,
    isGone,
    priority: readPriority(parameters),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  })
  return respond(request, inference, maxResponseSize)
}

function sooner(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return Math.min(one, other)
}

/** Asks a stream for an answer without content behind the last one; every answer here is a last one. */
const EMPTY_FINAL = 'triton_enable_empty_final_response'

/** Parameters by name; of the kinds that a parameter may have, the one that it has. */
function toObject(parameters: ReadonlyMap<string, Parameter>): Readonly<Record<string, unknown>> {
  const entries = Array.from(parameters, ([name, parameter]) => [
    name,
    Object.values(parameter).find(value => value !== undefined),
  ])
  return Object.fromEntries(entries.filter(([name]) => name !== EMPTY_FINAL)) as Record<string, unknown>
}

/** The wanted outputs and, where they are to be that, how many classes of each. */
function readOutputs({ outputs }: Request): Map<string, number | undefined> {
  checkCount(outputs)
  const classes = new Map<string, number | undefined>()
  for (const { name, parameters: given } of outputs) {
    const parameters = toObject(given)
    refuseSharedMemory(parameters)
    if (classes.has(name)) throw failure('BAD_REQUEST', `output '${clip(name)}' already requested`)
    classes.set(name, readClasses(parameters, name))
  }
  return classes
}

/** Each input with its data: all of them in their own contents, or all in raw_input_contents. */
function readInputs({ inputs, raw_input_contents: raw }: Request): WireTensor[] {
  checkCount(inputs)
  const names = new Set<string>()
  for (const { name, parameters } of inputs) {
    if (parameters.size > 0) refuseSharedMemory(toObject(parameters))
    if (names.has(name)) throw failure('BAD_REQUEST', `input '${clip(name)}' already exists in request`)
    names.add(name)
  }
  const heads = inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape: toAxes(shape) }))
  if (raw.length === 0) return heads.map((head, index) => readContents(head, inputs[index]?.contents))
  const both = inputs.find(({ contents }) => contents !== undefined && filledFields(contents).length > 0)
  if (both !== undefined) {
    throw failure(
      'BAD_REQUEST',
      `input '${clip(both.name)}' has contents beside raw_input_contents: expected one of the two for all inputs`,
    )
  }
  if (raw.length !== inputs.length) {
    throw failure(
      'BAD_REQUEST',
      `raw_input_contents has ${raw.length} entries, expected ${inputs.length}: one for each input, in their order`,
    )
  }
  return heads.map((head, index) => makeTensor(head, raw[index] ?? NOTHING))
}

function checkCount(tensors: readonly unknown[]): void {
  if (tensors.length <= MAX_TENSORS) return
  throw failure('BAD_REQUEST', `The request has more than ${MAX_TENSORS} inputs or outputs.`)
}

const NOTHING = Buffer.alloc(0)

/** What is no safe number is none that a tensor could have; it stays wrong when it is rounded. */
function toAxes(shape: BigInt64Array): number[] {
  return Array.from(shape, Number)
}

/** The answer has the form of the request: raw, or each output with its contents where all have such. */
function respond(request: Request, { name, version, tensors }: Inference, maxBytes: number): Response {
  const head = { model_name: name, model_version: version, id: request.id }
  const heads = tensors.map(({ name: output, datatype, shape }) => ({
    name: output,
    datatype,
    shape: shape.map(BigInt),
  }))
  const wantsRaw = request.raw_input_contents.length > 0
  const contents = wantsRaw ? [] : tensors.map(writeContents)
  if (wantsRaw || contents.includes(undefined)) {
    return { ...head, outputs: heads, raw_output_contents: tensors.map(({ data }) => data) }
  }
  const response = {
    ...head,
    outputs: heads.map((output, index) => ({ ...output, contents: contents[index] })),
  }
  // The worker has kept to the limit; an element of one byte may have ten as contents.
  const size = ModelInferResponse.size(response)
  if (size <= maxBytes + tensors.length * HEAD_BYTES) return response
  throw failure('RESPONSE_TOO_LARGE', size, maxBytes)
}
