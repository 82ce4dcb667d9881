/** One inference of the Open Inference Protocol over HTTP: body to tensors, tensors to body. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { failure } from '../errors.ts'
import { findModel, RAW_INPUT } from '../inference/model-metadata.ts'
import { countElements, makeTensor, packBytes } from '../inference/infer-input.ts'
import { readPriority, readTimeoutMs } from '../inference/infer-parameters.ts'
import type { Predictor } from '../inference/predictor.ts'
import type { Registry } from '../models/registry.ts'
import { DATATYPES, datatypeOf, type WireTensor } from '../runtime/datatype.ts'
import type { TensorInfo } from '../runtime/tensor.ts'
import { clientGone } from './client-gone.ts'
import { readInferRequest, splitBody, type InferRequest } from './infer-request.ts'
import { writeInferResponse } from './infer-response.ts'
import { chooseEncoding, deflateBody, inflateBody } from './inflate.ts'
import { plainHeaders } from './header-memory.ts'
import { sendBytes, type Bytes } from './send-bytes.ts'
import type { NonFinite } from './tensor-json-writer.ts'

export interface InferOptions {
  readonly predictor: Predictor
  readonly registry: Registry
  /** Of a body after its Content-Encoding. */
  readonly maxBytes: number
  readonly nonFinite: NonFinite
}

export interface InferExchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly model: string
  readonly version?: string | undefined
}

const HEADER_LENGTH = 'inference-header-content-length'
const NOTHING = Buffer.alloc(0)
/** A smaller answer is not worth compressing. */
const MIN_PACKED_BYTES = 1024

export async function inferOverHttp(options: InferOptions, exchange: InferExchange): Promise<FastifyReply> {
  const { request, reply, model, version } = exchange
  const { tensors, outputs, ...asked } = await readRequest(options, exchange)
  const timeoutMs = readTimeoutMs(asked.parameters)
  const wanted = new Map(outputs.map(output => [output.name, output]))
  const inference = await options.predictor.infer({
    model,
    version,
    requestId: request.id,
    headers: plainHeaders(request.raw),
    tensors,
    outputs: [...wanted.keys()],
    classes: new Map(outputs.map(({ name, classes }) => [name, classes])),
    isGone: clientGone(request),
    timeoutMs,
    priority: readPriority(asked.parameters),
  })
  const { pieces, headerLength } = writeInferResponse(inference, {
    id: asked.id,
    isBinary: name => wanted.get(name)?.isBinary ?? asked.isBinaryOutput,
    nonFinite: options.nonFinite,
  })
  const contentType = headerLength === undefined ? 'application/json' : 'application/octet-stream'
  const more = headerLength === undefined ? [] : [HEADER_LENGTH, String(headerLength)]
  return sendPacked(request, reply, { status: 200, contentType, more, pieces })
}

async function readRequest(
  options: InferOptions,
  { request, model, version }: InferExchange,
): Promise<InferRequest> {
  const { headers } = request
  const sent = request.body instanceof Buffer ? request.body : NOTHING
  const body = await inflateBody(sent, headers['content-encoding'], options.maxBytes)
  const header = headers[HEADER_LENGTH]
  const parts = splitBody(body, Array.isArray(header) ? header.join() : header)
  if (parts !== undefined) return readInferRequest(parts.json, parts.binary)
  const { graph } = findModel(options.registry, model, version).pool
  const tensors = [rawTensor(body, graph?.inputs, model)]
  return { id: undefined, parameters: {}, tensors, outputs: [], isBinaryOutput: true }
}

/** A body that is nothing but the data of the only input; its one variable axis follows from the number of bytes. */
function rawTensor(body: Buffer, inputs: readonly TensorInfo[] | undefined, model: string): WireTensor {
  if (inputs === undefined) return makeTensor(RAW_INPUT, packBytes([body]))
  const [only, ...others] = inputs
  if (only === undefined || others.length > 0) {
    throw failure(
      'BAD_REQUEST',
      `This protocol is restricted to models with one input; model '${model}' has ${inputs.length}`,
    )
  }
  const datatype = datatypeOf(only.type)
  const head = { name: only.name, datatype }
  if (datatype === 'BYTES') return makeTensor({ ...head, shape: only.shape.map(() => 1) }, packBytes([body]))
  const variable = only.shape.flatMap((axis, index) => (typeof axis === 'string' ? [index] : []))
  // The first axis is the rows, of which this is one, where another one has to be found out.
  const found = variable.length > 1 && variable[0] === 0 ? variable.slice(1) : variable
  if (found.length > 1) {
    throw failure(
      'BAD_REQUEST',
      `This protocol is restricted to inputs with one variable axis; '${only.name}' has more`,
    )
  }
  const fixed = only.shape.map(axis => (typeof axis === 'number' ? axis : 1))
  const bytesPerSlice = countElements(only.name, fixed) * DATATYPES[datatype].bytes
  const size = bytesPerSlice === 0 ? 0 : Math.floor(body.length / bytesPerSlice)
  return makeTensor({ ...head, shape: fixed.map((axis, index) => (index === found[0] ? size : axis)) }, body)
}

/** Compresses the answer where its client asked for it. */
async function sendPacked(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: Bytes,
): Promise<FastifyReply> {
  const encoding = chooseEncoding(request.headers['accept-encoding']?.toString())
  if (encoding === undefined) return sendBytes(request, reply, answer)
  const body = Buffer.concat(answer.pieces)
  if (body.length < MIN_PACKED_BYTES) return sendBytes(request, reply, answer)
  const more = [...(answer.more ?? []), 'content-encoding', encoding]
  return sendBytes(request, reply, { ...answer, more, pieces: [await deflateBody(body, encoding)] })
}
