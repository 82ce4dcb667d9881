/** The Open Inference Protocol over REST, with tensors as JSON or as binary. */
import { binaryBody, packed, send, type InferReply } from '../support/open-inference.ts'
import type { Asked, CaseTensor, Got, Transport } from './open-inference-cases.ts'

export function restJson(origin: string): Transport {
  return {
    name: 'REST with JSON',
    carries: datatype => datatype !== 'FP16',
    refusal: /FP16 cannot be sent as JSON/,
    infer: async asked => {
      const inputs = asked.tensors.map(
        tensor => `${JSON.stringify(headOf(tensor)).slice(0, -1)},"data":[${toJson(tensor)}]}`,
      )
      const rest = JSON.stringify({ id: asked.id, outputs: outputsOf(asked) }).slice(1)
      const body = `{"inputs":[${inputs.join()}]${rest === '}' ? '' : ','}${rest}`
      const reply = await send(urlOf(origin, asked), body)
      // The values as they stand in the text: JSON.parse would lose digits.
      const texts = [...reply.text.matchAll(/"data":\[(.*?)\]\}(?=,\{"name"|\]\}$)/gs)].map(
        ([, text = '']) => text,
      )
      return toGot(reply, ({ datatype }, index) => fromJson(datatype, texts[index] ?? ''))
    },
  }
}

export function restBinary(origin: string): Transport {
  return {
    name: 'REST with binary tensors',
    carries: () => true,
    refusal: /^$/,
    infer: async asked => {
      const inputs = asked.tensors.map(tensor => ({
        ...headOf(tensor),
        parameters: { binary_data_size: tensor.data.length },
      }))
      const request = {
        id: asked.id,
        inputs,
        outputs: outputsOf(asked),
        parameters: { binary_data_output: true },
      }
      const { body, headers } = binaryBody(request, ...asked.tensors.map(({ data }) => data))
      const reply = await send(urlOf(origin, asked), body, headers)
      let at = 0
      return toGot(reply, ({ parameters }) => {
        const size = Number(parameters?.['binary_data_size'])
        return reply.binary.subarray(at, (at += size))
      })
    },
  }
}

function urlOf(origin: string, { model, version }: Asked): string {
  return `${origin}/v2/models/${model}${version === undefined ? '' : `/versions/${version}`}/infer`
}

function headOf({ name, datatype, shape }: CaseTensor) {
  return { name, datatype, shape }
}

function outputsOf({ outputs, classes }: Asked) {
  const parameters = classes === undefined ? {} : { parameters: { classification: classes } }
  return outputs?.map(name => ({ name, ...parameters }))
}

type Output = NonNullable<InferReply['json']['outputs']>[number]

function toGot({ status, json }: InferReply, dataOf: (output: Output, index: number) => Buffer): Got {
  if (status !== 200) return { ok: false, status, error: json.error ?? '' }
  const { id, outputs = [] } = json
  const tensors = outputs.map((output, index) => ({
    ...headOf({ ...output, data: Buffer.of() }),
    data: dataOf(output, index),
  }))
  return { ok: true, id: typeof id === 'string' ? id : undefined, tensors }
}

const ARRAYS = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const

function toJson({ datatype, data }: CaseTensor): string {
  if (datatype === 'BYTES')
    return textsOf(data)
      .map(text => JSON.stringify(text))
      .join()
  const Elements = Object.hasOwn(ARRAYS, datatype) ? ARRAYS[datatype as keyof typeof ARRAYS] : Uint8Array
  const copy = new Uint8Array(data).buffer
  if (datatype === 'BOOL') return Array.from(data, flag => flag === 1).join()
  return new Elements(copy).join()
}

function fromJson(datatype: string, text: string): Buffer {
  if (datatype === 'BYTES') return packed(...(JSON.parse(`[${text}]`) as string[]))
  const words = text === '' ? [] : text.split(',')
  if (datatype === 'BOOL') return Buffer.from(words.map(word => Number(word === 'true')))
  if (datatype === 'UINT64') return Buffer.from(BigUint64Array.from(words, BigInt).buffer)
  if (datatype === 'INT64') return Buffer.from(BigInt64Array.from(words, BigInt).buffer)
  const Elements = ARRAYS[datatype as 'FP32']
  return Buffer.from(Elements.from(words, Number).buffer)
}

function textsOf(data: Buffer): string[] {
  const texts: string[] = []
  for (let at = 0; at < data.length;) {
    const end = at + 4 + data.readUInt32LE(at)
    texts.push(data.toString('utf8', at + 4, end))
    at = end
  }
  return texts
}
