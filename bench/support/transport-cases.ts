/** The same tensors over every transport that carries tensors, and the same bytes for an echo of that transport. */
import { identity, writeTinyOnnx } from '../../test/unit/runtime/tiny-onnx.ts'
import { binaryBody, jsonBody, rawMessage, typedMessage, type TensorHead } from './infer-body.ts'
import { FRAUD } from './models.ts'
import type { StoreEntry } from './servers.ts'

export type Transport = 'REST, JSON' | 'REST, binary' | 'gRPC, raw' | 'gRPC, typed'

export interface TransportCase {
  readonly title: string
  readonly transport: Transport
  readonly model: string
  readonly body: Uint8Array
  /** Of REST; gRPC has its own. */
  readonly contentType: string
  readonly headers: readonly string[]
}

/** Sixteen megabytes as JSON numbers take a parser the better part of a second, and nobody sends them. */
const SIZES = [
  { title: '1 float', count: 1, transports: ['REST, JSON', 'REST, binary', 'gRPC, raw', 'gRPC, typed'] },
  { title: '600 kB', count: 150_000, transports: ['REST, JSON', 'REST, binary', 'gRPC, raw', 'gRPC, typed'] },
  { title: '16 MB', count: 4_000_000, transports: ['REST, binary', 'gRPC, raw', 'gRPC, typed'] },
] as const

/** A graph that gives back what it gets, of float32 [rows, n]. */
export function identityModel(): StoreEntry {
  return { path: writeTinyOnnx(identity('float32', ['rows', 'n'])), name: 'identity.onnx' }
}

/** In a quick run the largest are left out. */
export async function makeTransportCases(isQuick: boolean): Promise<TransportCase[]> {
  const cases: TransportCase[] = []
  for (const { title, count, transports } of SIZES.slice(0, isQuick ? 2 : SIZES.length)) {
    const values = Float32Array.from({ length: count }, (_, index) => Math.fround(Math.sin(index)))
    const head = { name: 'x', datatype: 'FP32', shape: [1, count] }
    cases.push(
      ...transports.map(transport => makeCase({ title, transport, model: 'identity' }, head, values)),
    )
  }
  const row = await FRAUD.tensor()
  const head = { name: FRAUD.input, datatype: 'FP32', shape: FRAUD.dims }
  const tabular = (transport: Transport) =>
    makeCase({ title: 'tabular', transport, model: FRAUD.name }, head, row)
  return [...cases, ...SIZES[0].transports.map(tabular)]
}

type Name = Pick<TransportCase, 'title' | 'transport' | 'model'>

function makeCase(name: Name, head: TensorHead, values: Float32Array): TransportCase {
  const { transport, model } = name
  if (transport === 'REST, JSON') return { ...name, ...jsonBody(head, values) }
  if (transport === 'REST, binary') return { ...name, ...binaryBody(head, values) }
  const write = transport === 'gRPC, raw' ? rawMessage : typedMessage
  return { ...name, body: write(model, head, values), contentType: 'application/grpc', headers: [] }
}
