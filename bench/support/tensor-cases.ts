/** Requests of the Open Inference Protocol: the same tensors as JSON and as binary. */
import { identity, writeTinyOnnx } from '../../test/unit/runtime/tiny-onnx.ts'

export interface TensorCase {
  readonly title: string
  readonly model: string
  readonly body: Buffer
  readonly headers: readonly string[]
}

const SIZES = [
  { title: '1 float', count: 1, asJson: true },
  { title: '150,000 floats', count: 150_000, asJson: true },
  { title: '4,000,000 floats', count: 4_000_000, asJson: false },
]

/** A graph that gives back what it gets, of float32 [rows, n]. */
export function identityModel(): { readonly path: string; readonly name: string } {
  return { path: writeTinyOnnx(identity('float32', ['rows', 'n'])), name: 'identity.onnx' }
}

export function makeTensorCases(): TensorCase[] {
  const row = Float32Array.from({ length: 12 }, (_, index) => index / 7)
  return [
    ...SIZES.flatMap(({ title, count, asJson }) => {
      const values = Float32Array.from({ length: count }, (_, index) => Math.fround(Math.sin(index)))
      const head = { name: 'x', datatype: 'FP32', shape: [1, count] }
      const binary = makeCase(`${title}, binary`, 'identity', binaryBody(head, values))
      return asJson ? [binary, makeCase(`${title}, JSON`, 'identity', jsonBody(head, values))] : [binary]
    }),
    makeCase(
      'tabular, binary',
      'fraud',
      binaryBody({ name: 'features', datatype: 'FP32', shape: [1, 12] }, row),
    ),
    makeCase('tabular, JSON', 'fraud', jsonBody({ name: 'features', datatype: 'FP32', shape: [1, 12] }, row)),
  ]
}

interface Body {
  readonly body: Buffer
  readonly headers: readonly string[]
}

function makeCase(title: string, model: string, body: Body): TensorCase {
  return { title, model, ...body }
}

export function binaryBody(head: object, values: Float32Array): Body {
  const input = { ...head, parameters: { binary_data_size: values.byteLength } }
  const json = Buffer.from(JSON.stringify({ inputs: [input], parameters: { binary_data_output: true } }))
  return {
    body: Buffer.concat([json, new Uint8Array(values.buffer)]),
    headers: [`inference-header-content-length: ${json.length}`],
  }
}

function jsonBody(head: object, values: Float32Array): Body {
  return {
    body: Buffer.from(JSON.stringify({ inputs: [{ ...head, data: Array.from(values) }] })),
    headers: [],
  }
}
