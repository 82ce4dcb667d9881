import type { Bench, BenchOptions, Table } from './support/bench.ts'
import { readCpu } from './support/cpu.ts'
import { startLoadGenerator, type LoadGenerator, type LoadResult } from './support/load.ts'
import { FILES } from './support/models.ts'
import { measureRounds, pick, ratios, showRounds } from './support/rounds.ts'
import { startByteEcho, startSconceWith, type RunningServer } from './support/servers.ts'
import { median, showNumber, showSpread, spread } from './support/statistics.ts'
import { makeTensorCases, identityModel, type TensorCase } from './support/tensor-cases.ts'

const CONNECTIONS = 8
const ROUNDS = 7
const BLOCK_MS = 2000
const QUICK_BLOCK_MS = 300
const REFERENCE = 'echo'

export const bench: Bench = {
  question: 'What does a tensor cost over the Open Inference Protocol, as JSON and as binary?',
  against:
    'a bare Fastify that sends the same bytes back, without a model; the model is the identity (the tabular case: a ' +
    `small net). ${CONNECTIONS} requests in flight, medians of the ratios within each round (lowest..highest)`,
  run: async options => {
    const sconce = await startSconceWith(
      [identityModel(), FILES.fraudModel],
      ['load_models=all', 'max_request_size=268435456', 'max_response_size=268435456'],
    )
    const load = startLoadGenerator()
    let echo: RunningServer | undefined
    try {
      echo = await startByteEcho()
      return await measureAll({ sconce, echo, load }, options)
    } finally {
      load.stop()
      await Promise.all([sconce.stop(), echo?.stop()])
    }
  },
}

interface Parts {
  readonly sconce: RunningServer
  readonly echo: RunningServer
  readonly load: LoadGenerator
}

interface Block extends LoadResult {
  /** Microseconds of processor time per request, of the server and its workers. */
  readonly cpuUs: number
}

async function measureAll(parts: Parts, options: BenchOptions) {
  const rows: string[][] = []
  const results: unknown[] = []
  for (const one of makeTensorCases()) {
    const names = [one.title, REFERENCE]
    const measure = (name: string) => measureBlock(parts, one, name === REFERENCE, options)
    for (const name of names) await measure(name)
    const measured = await measureRounds<Block>({
      ...options,
      title: `oip ${one.title}`,
      names,
      rounds: ROUNDS,
      measure,
    })
    const own = (figure: (block: Block) => number) => median(pick(measured, one.title, figure))
    const ratio = spread(ratios(measured, [one.title, REFERENCE], block => block.perSecond))
    const figures = {
      perSecond: own(block => block.perSecond),
      p50Us: own(block => block.p50Us),
      p99Us: own(block => block.p99Us),
      cpuUs: own(block => block.cpuUs),
    }
    rows.push([
      one.title,
      showNumber(one.body.length),
      showNumber(figures.perSecond),
      showSpread(ratio),
      showNumber(figures.p50Us / 1000, 2),
      showNumber(figures.p99Us / 1000, 2),
      showNumber(figures.cpuUs),
      showRounds(measured),
    ])
    results.push({ case: one.title, bytes: one.body.length, ratio, ...figures })
  }
  const columns = ['request', 'bytes', 'requests/s', 'x echo', 'p50 ms', 'p99 ms', 'cpu us', 'rounds']
  const tables: Table[] = [{ title: 'Tensors', columns, rows }]
  return { tables, notes: ['cpu is processor time per request of the server and its workers.'], results }
}

async function measureBlock(
  { sconce, echo, load }: Parts,
  one: TensorCase,
  isReference: boolean,
  { isQuick }: BenchOptions,
): Promise<Block> {
  const { pid, port } = isReference ? echo : sconce
  const before = readCpu()
  const result = await load.run({
    port,
    path: isReference ? '/echo' : `/v2/models/${one.model}/infer`,
    contentType: 'application/octet-stream',
    headers: isReference ? [] : one.headers,
    bodyBase64: one.body.toString('base64'),
    connections: CONNECTIONS,
    durationMs: isQuick ? QUICK_BLOCK_MS : BLOCK_MS,
  })
  return { ...result, cpuUs: ((readCpu().treeMs(pid) - before.treeMs(pid)) * 1000) / result.requests }
}
