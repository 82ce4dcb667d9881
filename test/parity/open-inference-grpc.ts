/** The Open Inference Protocol over gRPC, with tensors as raw bytes or as typed contents. */
import type { GrpcClient, Outcome } from '../support/grpc.ts'
import { packed } from '../support/open-inference.ts'
import type { Asked, CaseTensor, Got, Transport } from './open-inference-cases.ts'

const INFER = 'inference.GRPCInferenceService/ModelInfer'

/** The status of REST that a gRPC status stands for. */
const HTTP: Readonly<Record<number, number>> = { 3: 400, 5: 404, 12: 501, 14: 503, 4: 504, 8: 503, 13: 500 }

export function grpcRaw(client: GrpcClient): Transport {
  return {
    name: 'gRPC with raw tensors',
    carries: () => true,
    refusal: /^$/,
    infer: async asked => {
      const outcome = await client.call(INFER, {
        ...toRequest(asked),
        raw_input_contents: asked.tensors.map(({ data }) => data),
      })
      return toGot(asked, outcome, ({ raw_output_contents: raw }, index) => raw[index] ?? Buffer.of())
    },
  }
}

export function grpcContents(client: GrpcClient): Transport {
  return {
    name: 'gRPC with typed contents',
    carries: datatype => datatype !== 'FP16',
    refusal: /FP16, which has no contents: send it in raw_input_contents/,
    infer: async asked => {
      const { inputs, ...rest } = toRequest(asked)
      const request = {
        ...rest,
        inputs: inputs.map((input, index) => ({ ...input, contents: toContents(asked.tensors[index]) })),
      }
      return toGot(asked, await client.call(INFER, request), ({ outputs }, index) => toBytes(outputs[index]))
    },
  }
}

function toRequest({ model, version, id, tensors, outputs, classes }: Asked) {
  const parameters =
    classes === undefined ? {} : { parameters: { classification: { int64_param: String(classes) } } }
  return {
    model_name: model,
    model_version: version,
    id,
    inputs: tensors.map(({ name, datatype, shape }) => ({ name, datatype, shape: shape.map(String) })),
    outputs: outputs?.map(name => ({ name, ...parameters })),
  }
}

interface Answer {
  readonly id: string
  readonly outputs: readonly Output[]
  readonly raw_output_contents: readonly Buffer[]
}

interface Output {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly string[]
  readonly contents: Readonly<Record<string, readonly unknown[]>>
}

function toGot({ id }: Asked, outcome: Outcome, dataOf: (answer: Answer, index: number) => Buffer): Got {
  if ('code' in outcome) return { ok: false, status: HTTP[outcome.code] ?? 0, error: outcome.details }
  // What protobuf.js gives for a ModelInferResponse.
  const answer = outcome.answer as Answer
  const tensors = answer.outputs.map(({ name, datatype, shape }, index) => ({
    name,
    datatype,
    shape: shape.map(Number),
    data: dataOf(answer, index),
  }))
  // No id is the same as an empty one here.
  return { ok: true, id: answer.id === '' && id === undefined ? undefined : answer.id, tensors }
}

interface Form {
  readonly field: string
  readonly toElements: (data: Buffer) => readonly unknown[]
  readonly toBytes: (elements: readonly never[]) => ArrayBufferView<ArrayBuffer>
}

type Numeric =
  | Uint8ArrayConstructor
  | Uint16ArrayConstructor
  | Uint32ArrayConstructor
  | Int8ArrayConstructor
  | Int16ArrayConstructor
  | Int32ArrayConstructor
  | Float32ArrayConstructor
  | Float64ArrayConstructor

const numeric = (field: string, Elements: Numeric): Form => ({
  field,
  toElements: data => Array.from(new Elements(new Uint8Array(data).buffer)),
  toBytes: elements => Elements.from(elements),
})
const big = (field: string, Elements: BigInt64ArrayConstructor | BigUint64ArrayConstructor): Form => ({
  field,
  toElements: data => Array.from(new Elements(new Uint8Array(data).buffer), String),
  toBytes: elements => Elements.from((elements as readonly string[]).map(BigInt)),
})

const FORMS: Readonly<Record<string, Form>> = {
  BOOL: {
    field: 'bool_contents',
    toElements: data => Array.from(data, flag => flag === 1),
    toBytes: elements => Uint8Array.from(elements, Number),
  },
  UINT8: numeric('uint_contents', Uint8Array),
  UINT16: numeric('uint_contents', Uint16Array),
  UINT32: numeric('uint_contents', Uint32Array),
  UINT64: big('uint64_contents', BigUint64Array),
  INT8: numeric('int_contents', Int8Array),
  INT16: numeric('int_contents', Int16Array),
  INT32: numeric('int_contents', Int32Array),
  INT64: big('int64_contents', BigInt64Array),
  FP32: numeric('fp32_contents', Float32Array),
  FP64: numeric('fp64_contents', Float64Array),
  BYTES: {
    field: 'bytes_contents',
    toElements: elementsOf,
    toBytes: elements => packed(...(elements as readonly Buffer[])) as Buffer<ArrayBuffer>,
  },
}

function toContents(tensor: CaseTensor | undefined) {
  const form = tensor === undefined ? undefined : FORMS[tensor.datatype]
  return tensor === undefined || form === undefined
    ? undefined
    : { [form.field]: form.toElements(tensor.data) }
}

function toBytes(output: Output | undefined): Buffer {
  const form = output === undefined ? undefined : FORMS[output.datatype]
  if (output === undefined || form === undefined) return Buffer.of()
  const elements = output.contents[form.field] ?? []
  const { buffer, byteOffset, byteLength } = form.toBytes(elements as readonly never[])
  return Buffer.from(buffer, byteOffset, byteLength)
}

function elementsOf(data: Buffer): Buffer[] {
  const elements: Buffer[] = []
  for (let at = 0; at < data.length;) {
    const end = at + 4 + data.readUInt32LE(at)
    elements.push(data.subarray(at + 4, end))
    at = end
  }
  return elements
}
