/** A server with small models that are addressed by the Open Inference Protocol. */
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fraudOnnx, makeStore, type ModelStore } from './model-store.ts'
import { startTestServer, type TestServer } from './server.ts'
import { identity, info, writeTinyOnnx } from '../unit/runtime/tiny-onnx.ts'
import type { TensorType } from '../../src/runtime/tensor.ts'

const TYPES: readonly TensorType[] = [
  'bool',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'int8',
  'int16',
  'int32',
  'int64',
  'float16',
  'float32',
  'float64',
  'string',
]

export interface OpenInferenceServer extends TestServer {
  readonly store: ModelStore
}

const SHOUT = `import { respond } from 'sconce/handler'
export default {
  preprocess: input => ({ input }),
  inference: batch => batch,
  postprocess: (_output, { data }) => {
    const text = data instanceof Uint8Array ? Buffer.from(data).toString('utf8').toUpperCase() : data
    return text === 'TEAPOT' ? respond('no coffee', { status: 418 }) : text
  },
  explain: () => ({ why: 'because' }),
}`

/**
 * `id_<type>`: x [rows, n] to y; `scalar`; `wide`: [rows, 3] with two inputs a and b to a and b; `fraud`; `shout`: a
 * handler without a graph; `rows`: [batch, 2];
 * `batched`: [batch, n] in batches of 8; `labelled`: the same, with labels for the first three classes.
 */
export async function startOpenInference(flags: readonly string[] = []): Promise<OpenInferenceServer> {
  const store = await makeStore()
  const add = (name: string, file: string) => copyFile(file, join(store.dir, `${name}.onnx`))
  for (const type of TYPES) await add(`id_${type}`, writeTinyOnnx(identity(type, ['rows', 'n'])))
  await add('scalar', writeTinyOnnx(identity('float32', [])))
  await add('rows', writeTinyOnnx(identity('float32', ['batch', 2])))
  await add(
    'wide',
    writeTinyOnnx({
      nodes: ['a', 'b'].map(name => ({ op: 'Identity', inputs: [name], outputs: [`${name}_out`] })),
      inputs: [info('a', 'float32', ['rows', 3]), info('b', 'int64', ['rows', 3])],
      outputs: [info('a_out', 'float32', ['rows', 3]), info('b_out', 'int64', ['rows', 3])],
    }),
  )
  await store.addOnnx('fraud', fraudOnnx)
  await store.addHandler('shout', { handler: SHOUT })
  const config = 'batchSize: 8\nminWorkers: 1\n'
  const onnx = writeTinyOnnx(identity('float32', ['batch', 'n']))
  await store.addHandler('batched', { handler: 'export default {}', config, onnx })
  const labels = { 0: 'cat', 1: 'a:b', 2: 'grün' }
  await store.addHandler('labelled', { handler: 'export default {}', onnx, labels })
  const server = await startTestServer(store, flags)
  return { ...server, store }
}

export interface Tensor {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  readonly parameters?: Readonly<Record<string, unknown>>
  readonly data?: readonly unknown[]
}

export interface InferReply {
  readonly status: number
  readonly headers: Headers
  readonly json: Readonly<Record<string, unknown>> & {
    readonly outputs?: readonly Tensor[]
    readonly error?: string
  }
  /** The text of the JSON as it came. */
  readonly text: string
  /** The bytes behind the JSON. */
  readonly binary: Buffer
}

/** Sends a body and takes the answer apart. */
export async function send(
  url: string,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<InferReply> {
  const response = await fetch(url, { method: 'POST', body: Buffer.from(body), headers })
  const bytes = Buffer.from(await response.arrayBuffer())
  const length = Number(response.headers.get('inference-header-content-length') ?? bytes.length)
  const text = bytes.toString('utf8', 0, length)
  const json = (
    text === '' ? {} : JSON.parse(text.replaceAll(/-?\b(NaN|Infinity)\b/g, 'null'))
  ) as InferReply['json']
  return { status: response.status, headers: response.headers, json, text, binary: bytes.subarray(length) }
}

/** JSON, and the data of its tensors behind it. */
export function binaryBody(request: unknown, ...data: readonly Uint8Array[]) {
  const json = Buffer.from(JSON.stringify(request))
  return {
    body: Buffer.concat([json, ...data]),
    headers: { 'inference-header-content-length': String(json.length) },
  }
}

/** The elements of BYTES as the protocol sends them. */
export function packed(...texts: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(
    texts.flatMap(text => {
      const bytes = Buffer.from(text)
      const length = Buffer.alloc(4)
      length.writeUInt32LE(bytes.length)
      return [length, bytes]
    }),
  )
}
