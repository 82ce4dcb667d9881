/** An inference response of the Open Inference Protocol: JSON, and the binary tensors behind it. */
import type { Inference } from '../inference/predictor.ts'
import type { WireTensor } from '../runtime/datatype.ts'
import { writeTensorJson, type NonFinite } from './tensor-json-writer.ts'

export interface ResponseForm {
  readonly id: string | undefined
  readonly isBinary: (output: string) => boolean
  readonly nonFinite: NonFinite
}

export interface InferResponse {
  /** The JSON, and the binary data of each tensor that is sent so: to be sent one after the other, never joined. */
  readonly pieces: readonly Uint8Array[]
  /** Bytes of the JSON where binary data follows it. */
  readonly headerLength: number | undefined
}

export function writeInferResponse(inference: Inference, form: ResponseForm): InferResponse {
  const { name, version, tensors } = inference
  const binary: Uint8Array[] = []
  const outputs = tensors.map(tensor => {
    if (!form.isBinary(tensor.name)) return writeOutput(tensor, form.nonFinite)
    binary.push(tensor.data)
    return outputHead(tensor, `,"parameters":{"binary_data_size":${tensor.data.length}}`)
  })
  const id = form.id === undefined ? '' : `"id":${JSON.stringify(form.id)},`
  const json = Buffer.from(
    `{${id}"model_name":${JSON.stringify(name)},"model_version":${JSON.stringify(version)},"outputs":[${outputs.join(',')}]}`,
  )
  return { pieces: [json, ...binary], headerLength: binary.length === 0 ? undefined : json.length }
}

function writeOutput(tensor: WireTensor, nonFinite: NonFinite): string {
  const { data, isBase64 } = writeTensorJson(tensor, nonFinite)
  const parameters = isBase64 ? ',"parameters":{"content_type":"base64"}' : ''
  return outputHead(tensor, `${parameters},"data":${data}`)
}

function outputHead({ name, datatype, shape }: WireTensor, rest: string): string {
  return `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape.join(',')}]${rest}}`
}
