import { GRPCInferenceService } from '../src/grpc/services-open-inference.ts'
import type { Bench, BenchOptions, Table } from './support/bench.ts'
import { readCpu } from './support/cpu.ts'
import { startGrpcLoadGenerator, type GrpcLoadGenerator } from './support/grpc-load.ts'
import { startLoadGenerator, type LoadGenerator, type LoadResult } from './support/load.ts'
import { measureRounds, pick, ratios } from './support/rounds.ts'
import { startGrpcEcho, startSconceWith, type RunningServer } from './support/servers.ts'
import { median, showNumber, showSpread, spread } from './support/statistics.ts'
import { binaryBody, identityModel } from './support/tensor-cases.ts'

const CONNECTIONS = 8
const ROUNDS = 7
const BLOCK_MS = 2000
const QUICK_BLOCK_MS = 300
const SIZES = [
  { title: '1 float', count: 1 },
  { title: '150,000 floats', count: 150_000 },
  { title: '4,000,000 floats', count: 4_000_000 },
]
const INFER = '/inference.GRPCInferenceService/ModelInfer'

export const bench: Bench = {
  question: 'What does a tensor cost over gRPC, raw and as typed contents?',
  against:
    'a bare grpc-js that sends the same bytes back, without a model, and REST with binary tensors; the model is the ' +
    `identity. ${CONNECTIONS} requests in flight, medians of the ratios within each round (lowest..highest)`,
  run: async options => {
    const limits = ['max_request_size=268435456', 'max_response_size=268435456']
    const sconce = await startSconceWith([identityModel()], ['load_models=all', ...limits])
    const load = { rest: startLoadGenerator(), grpc: startGrpcLoadGenerator() }
    let echo: RunningServer | undefined
    try {
      echo = await startGrpcEcho()
      return await measureAll({ sconce, echo, load }, options)
    } finally {
      load.rest.stop()
      load.grpc.stop()
      await Promise.all([sconce.stop(), echo?.stop()])
    }
  },
}

interface Parts {
  readonly sconce: RunningServer
  readonly echo: RunningServer
  readonly load: { readonly rest: LoadGenerator; readonly grpc: GrpcLoadGenerator }
}

interface Block extends LoadResult {
  /** Microseconds of processor time per request, of the server and its workers. */
  readonly cpuUs: number
}

type Way = 'raw' | 'contents' | 'REST binary' | 'echo'
const WAYS: readonly Way[] = ['raw', 'contents', 'REST binary', 'echo']

async function measureAll(parts: Parts, options: BenchOptions) {
  const rows: string[][] = []
  const results: unknown[] = []
  for (const { title, count } of SIZES) {
    const requests = makeRequests(count)
    const measure = (name: string) => measureBlock(parts, { way: name as Way, requests, options })
    for (const name of WAYS) await measure(name)
    const measured = await measureRounds<Block>({
      ...options,
      title: `grpc ${title}`,
      names: WAYS,
      rounds: ROUNDS,
      measure,
    })
    for (const way of WAYS) {
      const own = (figure: (block: Block) => number) => median(pick(measured, way, figure))
      const toEcho = spread(ratios(measured, [way, 'echo'], ({ cpuUs }) => cpuUs))
      const toRest = spread(ratios(measured, [way, 'REST binary'], ({ cpuUs }) => cpuUs))
      const figures = {
        perSecond: own(block => block.perSecond),
        p50Us: own(block => block.p50Us),
        p99Us: own(block => block.p99Us),
        cpuUs: own(block => block.cpuUs),
      }
      rows.push([
        `${title}, ${way}`,
        showNumber(figures.perSecond),
        showNumber(figures.p50Us / 1000, 2),
        showNumber(figures.p99Us / 1000, 2),
        showNumber(figures.cpuUs),
        showSpread(toEcho),
        showSpread(toRest),
      ])
      results.push({ case: `${title}, ${way}`, toEcho, toRest, ...figures })
    }
  }
  const columns = ['request', 'requests/s', 'p50 ms', 'p99 ms', 'cpu us', 'cpu x echo', 'cpu x REST']
  const tables: Table[] = [{ title: 'Tensors', columns, rows }]
  return { tables, notes: ['cpu is processor time per request of the server and its workers.'], results }
}

interface Requests {
  readonly raw: Buffer
  readonly contents: Buffer
  readonly rest: ReturnType<typeof binaryBody>
}

function makeRequests(count: number): Requests {
  const values = Float32Array.from({ length: count }, (_, index) => Math.fround(Math.sin(index)))
  const head = { name: 'x', datatype: 'FP32' }
  const { request } = GRPCInferenceService.methods.ModelInfer
  const input = { ...head, shape: [1n, BigInt(count)] }
  return {
    raw: request.encode({
      model_name: 'identity',
      inputs: [input],
      raw_input_contents: [Buffer.from(values.buffer)],
    }),
    contents: request.encode({
      model_name: 'identity',
      inputs: [{ ...input, contents: { fp32_contents: values } }],
    }),
    rest: binaryBody({ ...head, shape: [1, count] }, values),
  }
}

interface Measured {
  readonly way: Way
  readonly requests: Requests
  readonly options: BenchOptions
}

async function measureBlock(
  { sconce, echo, load }: Parts,
  { way, requests, options }: Measured,
): Promise<Block> {
  const { pid, port, grpcPort = port } = way === 'echo' ? echo : sconce
  const durationMs = options.isQuick ? QUICK_BLOCK_MS : BLOCK_MS
  const before = readCpu()
  const message = way === 'contents' ? requests.contents : requests.raw
  const result =
    way === 'REST binary'
      ? await load.rest.run({
          port,
          path: '/v2/models/identity/infer',
          contentType: 'application/octet-stream',
          headers: requests.rest.headers,
          bodyBase64: requests.rest.body.toString('base64'),
          connections: CONNECTIONS,
          durationMs,
        })
      : await load.grpc.run({
          port: grpcPort,
          path: way === 'echo' ? '/bench.Echo/Echo' : INFER,
          messageBase64: message.toString('base64'),
          connections: CONNECTIONS,
          durationMs,
        })
  return { ...result, cpuUs: ((readCpu().treeMs(pid) - before.treeMs(pid)) * 1000) / result.requests }
}
