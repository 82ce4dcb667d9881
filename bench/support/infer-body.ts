/** One float32 tensor as each form of the Open Inference Protocol carries it. */
import { ModelInferRequest } from '../../src/grpc/services-open-inference.ts'
import type { Request } from './load.ts'

export interface TensorHead {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
}

type Content = Pick<Request, 'body' | 'contentType'> & { readonly headers: readonly string[] }

export function jsonBody(head: TensorHead, values: Float32Array): Content {
  const body = Buffer.from(JSON.stringify({ inputs: [{ ...head, data: Array.from(values) }] }))
  return { contentType: 'application/json', body, headers: [] }
}

export function binaryBody(head: TensorHead, values: Float32Array): Content {
  const input = { ...head, parameters: { binary_data_size: values.byteLength } }
  const json = Buffer.from(JSON.stringify({ inputs: [input], parameters: { binary_data_output: true } }))
  const headers = [`inference-header-content-length: ${json.length}`]
  return { contentType: 'application/octet-stream', body: Buffer.concat([json, bytesOf(values)]), headers }
}

/** The message for gRPC with the tensor as bytes. */
export function rawMessage(
  model: string,
  { name, datatype, shape }: TensorHead,
  values: Float32Array,
): Buffer {
  const input = { name, datatype, shape: shape.map(BigInt) }
  return ModelInferRequest.encode({
    model_name: model,
    inputs: [input],
    raw_input_contents: [bytesOf(values)],
  })
}

/** The message for gRPC with the tensor as a list of numbers. */
export function typedMessage(
  model: string,
  { name, datatype, shape }: TensorHead,
  values: Float32Array,
): Buffer {
  const input = { name, datatype, shape: shape.map(BigInt), contents: { fp32_contents: values } }
  return ModelInferRequest.encode({ model_name: model, inputs: [input] })
}

function bytesOf(values: Float32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength)
}
