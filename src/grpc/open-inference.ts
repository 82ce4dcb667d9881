import { failure } from '../errors.ts'
import { makeTensor } from '../inference/infer-input.ts'
import { modelMetadata, modelReadiness } from '../inference/model-metadata.ts'
import type { Inference, Predictor } from '../inference/predictor.ts'
import type { Readiness } from '../inference/readiness.ts'
import type { Registry } from '../models/registry.ts'
import type { WireTensor } from '../runtime/datatype.ts'
import type { Call } from './call.ts'
import type { Read, Written } from './protobuf/message.ts'
import type { Implementation } from './service.ts'
import type {
  GRPCInferenceService,
  ModelInferRequest,
  ModelInferResponse,
} from './services-open-inference.ts'
import { filledFields, readContents, writeContents } from './tensor-contents.ts'

type Request = Read<typeof ModelInferRequest>
type Response = Written<typeof ModelInferResponse>

export interface OpenInferenceParts {
  readonly predictor: Predictor
  readonly registry: Registry
  readonly readiness: Readiness
  /** What the server says of itself. */
  readonly identity: {
    readonly name: string
    readonly version: string
    readonly extensions: readonly string[]
  }
}

/** Inputs or outputs of one request; no model has more. */
const MAX_TENSORS = 1024

/** The Open Inference Protocol: https://github.com/kserve/open-inference-protocol */
export function openInferenceService({
  predictor,
  registry,
  readiness,
  identity,
}: OpenInferenceParts): Implementation<typeof GRPCInferenceService> {
  return {
    ServerLive: () => ({ live: true }),
    ServerReady: () => ({ ready: readiness.isReady() }),
    ModelReady: ({ name, version }) => ({ ready: modelReadiness(registry, required(name), version).ready }),
    ServerMetadata: () => identity,
    ModelMetadata: ({ name, version }) => {
      const { inputs, outputs, ...rest } = modelMetadata(registry, required(name), version)
      return { ...rest, inputs: toBigInts(inputs), outputs: toBigInts(outputs) }
    },
    ModelInfer: (request, call) => infer(predictor, request, call),
  }
}

function toBigInts<T extends { readonly shape: readonly number[] }>(tensors: readonly T[]) {
  return tensors.map(tensor => ({ ...tensor, shape: tensor.shape.map(BigInt) }))
}

function required(name: string): string {
  if (name === '') throw failure('MISSING_PARAMETER', 'name')
  return name
}

async function infer(predictor: Predictor, request: Request, call: Call): Promise<Response> {
  const { model_name: model, model_version: version, outputs } = request
  if (model === '') throw failure('MISSING_PARAMETER', 'model_name')
  const { requestId, headers, isGone, timeoutMs } = call
  const inference = await predictor.infer({
    model,
    version: version || undefined,
    requestId,
    headers,
    tensors: readInputs(request),
    outputs: outputs.map(({ name }) => name),
    isGone,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  })
  return respond(request, inference)
}

/** Each input with its data: all of them in their own contents, or all in raw_input_contents. */
function readInputs({ inputs, outputs, raw_input_contents: raw }: Request): WireTensor[] {
  if (inputs.length > MAX_TENSORS || outputs.length > MAX_TENSORS) {
    throw failure('BAD_REQUEST', `The request has more than ${MAX_TENSORS} inputs or outputs.`)
  }
  const heads = inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape: toAxes(shape) }))
  if (raw.length === 0) return heads.map((head, index) => readContents(head, inputs[index]?.contents))
  const both = inputs.find(({ contents }) => contents !== undefined && filledFields(contents).length > 0)
  if (both !== undefined) {
    throw failure(
      'BAD_REQUEST',
      `input '${both.name.slice(0, 64)}' has contents beside raw_input_contents: expected one of the two for all inputs`,
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

const NOTHING = Buffer.alloc(0)

/** What is no safe number is none that a tensor could have; it stays wrong when it is rounded. */
function toAxes(shape: BigInt64Array): number[] {
  return Array.from(shape, Number)
}

/** The answer has the form of the request: raw, or each output with its contents where all have such. */
function respond(request: Request, { name, version, tensors }: Inference): Response {
  const head = { model_name: name, model_version: version, id: request.id }
  const heads = toBigInts(
    tensors.map(({ name: output, datatype, shape }) => ({ name: output, datatype, shape })),
  )
  const wantsRaw = request.raw_input_contents.length > 0
  const contents = wantsRaw ? [] : tensors.map(writeContents)
  if (wantsRaw || contents.includes(undefined)) {
    return { ...head, outputs: heads, raw_output_contents: tensors.map(({ data }) => data) }
  }
  return { ...head, outputs: heads.map((output, index) => ({ ...output, contents: contents[index] })) }
}
