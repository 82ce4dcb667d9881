import { byLength, type Bench, type BenchOptions, type Report, type Table } from './support/bench.ts'
import { cpuPerRequest, type CpuPerRequest } from './support/cpu.ts'
import { figureCells, figureColumns, figureResults, type Figure } from './support/figures.ts'
import { startGrpcLoadGenerator, type GrpcLoadGenerator } from './support/grpc-load.ts'
import { startLoadGenerator, type LoadGenerator, type LoadResult } from './support/load.ts'
import { FILES } from './support/models.ts'
import { measureRounds, ROUNDS_NOTE } from './support/rounds.ts'
import { withRunning } from './support/running.ts'
import {
  startByteEcho,
  startGrpcEcho,
  startSconceWith,
  type RunningSconce,
  type RunningServer,
} from './support/servers.ts'
import { identityModel, makeTransportCases, type TransportCase } from './support/transport-cases.ts'

const IN_FLIGHT = 8
const ROUNDS = 5
const BLOCK_MS = { quick: 150, medium: 1000, long: 2000 }
const [SCONCE, ECHO] = ['Sconce', 'echo']

export const bench: Bench = {
  question: 'What does a tensor cost over each transport?',
  against:
    'a bare framework of the same transport that sends the same bytes back, without a model: Fastify for REST, grpc-js ' +
    `for gRPC. The model is the identity (tabular: a small net); ${IN_FLIGHT} requests in flight; medians of the ` +
    'ratios within each round (lowest..highest)',
  run: options =>
    withRunning(async keep => {
      const sconce = keep(
        await startSconceWith({
          store: [identityModel(), FILES.fraudModel],
          settings: ['load_models=all', 'max_request_size=268435456', 'max_response_size=268435456'],
          length: options.length,
        }),
      )
      const echo = keep(await startByteEcho())
      const grpcEcho = keep(await startGrpcEcho())
      const load = keep(startLoadGenerator())
      const grpcLoad = keep(startGrpcLoadGenerator())
      return measureAll({ sconce, echo, grpcEcho, load, grpcLoad }, options)
    }),
}

interface Parts {
  readonly sconce: RunningSconce
  readonly echo: RunningServer
  readonly grpcEcho: RunningServer
  readonly load: LoadGenerator
  readonly grpcLoad: GrpcLoadGenerator
}

type Block = LoadResult & CpuPerRequest

const FIGURES: readonly Figure<Block>[] = [
  { key: 'perSecond', title: 'requests/s', of: block => block.perSecond },
  { key: 'p50Ms', title: 'p50 ms', digits: 2, of: block => block.p50Us / 1000 },
  { key: 'p99Ms', title: 'p99 ms', digits: 2, of: block => block.p99Us / 1000 },
  { key: 'cpuUs', title: 'cpu us', of: block => block.cpuUs },
  { key: 'serverUs', title: 'server', compare: 'none', of: block => block.serverUs },
  { key: 'workersUs', title: 'workers', compare: 'none', of: block => block.workersUs },
  { key: 'clientCores', title: 'client', digits: 2, compare: 'none', of: block => block.clientCores },
]

async function measureAll(parts: Parts, options: BenchOptions): Promise<Report> {
  const rows: string[][] = []
  const results: unknown[] = []
  for (const one of await makeTransportCases(options.length === 'quick')) {
    const names = [SCONCE, ECHO]
    const measure = (name: string) => measureBlock(parts, one, name, byLength(options, BLOCK_MS))
    for (const name of names) await measure(name) // The first block of each warms it up.
    const title = `transports ${one.title}, ${one.transport}`
    const measured = await measureRounds({ ...options, title, names, rounds: ROUNDS, measure })
    const pair = { name: SCONCE, reference: ECHO }
    rows.push([one.title, one.transport, ...figureCells(measured, FIGURES, pair)])
    const { transport, body } = one
    results.push({
      tensor: one.title,
      transport,
      bytes: body.length,
      ...figureResults(measured, FIGURES, pair),
    })
  }
  const columns = ['tensor', 'transport', ...figureColumns(FIGURES)]
  const tables: Table[] = [{ title: 'Tensors there and back', columns, rows }]
  return {
    tables,
    notes: [
      'x is the ratio to the echo of the same transport. cpu is processor time per request in microseconds, of the ' +
        'server and its workers, which are its two parts; client what the load generator used of a core.',
      'The echo of JSON reads no number of it, and that of gRPC no message: they are the floor of their framework.',
      ROUNDS_NOTE,
    ],
    results,
  }
}

const INFER = '/inference.GRPCInferenceService/ModelInfer'

function measureBlock(parts: Parts, one: TransportCase, name: string, durationMs: number): Promise<Block> {
  const { sconce, echo, grpcEcho } = parts
  const isEcho = name === ECHO
  const { body, contentType, transport } = one
  if (transport.startsWith('gRPC')) {
    const address = isEcho ? `127.0.0.1:${grpcEcho.port}` : sconce.grpc
    const order = { address, path: isEcho ? '/bench.Echo/Echo' : INFER, body, calls: IN_FLIGHT, durationMs }
    return cpuPerRequest(isEcho ? grpcEcho.pid : sconce.pid, () => parts.grpcLoad.run(order))
  }
  const request = isEcho
    ? { port: echo.port, path: '/echo', contentType, body }
    : { port: sconce.port, path: `/v2/models/${one.model}/infer`, contentType, body, headers: one.headers }
  const arrivals = { kind: 'closed', connections: IN_FLIGHT } as const
  return cpuPerRequest(isEcho ? echo.pid : sconce.pid, () =>
    parts.load.run({ request, arrivals, durationMs }),
  )
}
