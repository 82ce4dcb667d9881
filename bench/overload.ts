import { availableParallelism } from 'node:os'
import { byLength, type Bench, type BenchOptions, type Report } from './support/bench.ts'
import { withFolder } from './support/folder.ts'
import { makeHeavy, serveHeavy, tensorRequest } from './support/heavy.ts'
import {
  startLoadGenerator,
  type Answers,
  type Arrivals,
  type LoadGenerator,
  type LoadResult,
  type Request,
} from './support/load.ts'
import { peakMb } from './support/memory.ts'
import { RESNET_18 } from './support/nets.ts'
import { measureRounds, pick, showRounds, ROUNDS_NOTE } from './support/rounds.ts'
import { withRunning } from './support/running.ts'
import { startByteEcho, type RunningServer } from './support/servers.ts'
import { median, showNumber, showSpread, spread } from './support/statistics.ts'

const ROUNDS = 5
const BLOCK_MS = { quick: 300, medium: 4000, long: 10_000 }
const CORES = availableParallelism()
const QUEUE = { quick: 1, medium: 8 * CORES, long: 8 * CORES }
const DEADLINE_MS = 2000
const [FULL, OVER] = ['full', 'over']
/** Requests in flight that are sure to keep it busy. */
const CONNECTIONS = 4 * CORES
/** How much more than it can do comes; in a quick run so much that some of it is refused at once. */
const EXCESS = { quick: 20, medium: 2, long: 2 }
const PROBES_PER_SECOND = 50

export const bench: Bench = {
  question: 'How does it refuse what it cannot do?',
  against:
    'itself with just enough to do, measured in the same round; and, for the time of a refusal, a bare Fastify that ' +
    'is asked at the same time on the same busy cores; medians (lowest..highest)',
  run: options =>
    withFolder(folder =>
      withRunning(async keep => {
        const model = await makeHeavy(folder, RESNET_18, options)
        const sconce = keep(await serveHeavy(model, options, [`job_queue_size=${byLength(options, QUEUE)}`]))
        const echo = keep(await startByteEcho())
        const request = tensorRequest(sconce, model)
        const parts = {
          sconce,
          echo,
          request,
          load: keep(startLoadGenerator()),
          probe: keep(startLoadGenerator()),
        }
        return measureAll(parts, options)
      }),
    ),
}

interface Parts {
  readonly sconce: RunningServer
  readonly echo: RunningServer
  readonly request: Request
  readonly load: LoadGenerator
  /** Asks the echo, a few times a second. */
  readonly probe: LoadGenerator
}

interface Block extends LoadResult {
  readonly echoed: LoadResult
}

async function measureAll(parts: Parts, options: BenchOptions): Promise<Report> {
  const durationMs = byLength(options, BLOCK_MS)
  let capacity = 0
  let seed = 0
  const measure = async (name: string): Promise<Block> => {
    if (name === OVER)
      return measureBlock(
        parts,
        { kind: 'open', perSecond: byLength(options, EXCESS) * capacity, seed: ++seed },
        durationMs,
      )
    const full = await measureBlock(parts, { kind: 'closed', connections: CONNECTIONS }, durationMs)
    capacity = full.perSecond
    return full
  }
  await measure(FULL)
  const names = [FULL, OVER]
  const measured = await measureRounds<Block>({
    ...options,
    title: 'overload',
    names,
    rounds: ROUNDS,
    measure,
  })
  const over = (figure: (block: Block) => number) => pick(measured, OVER, figure)
  const full = pick(measured, FULL, block => block.perSecond)
  const goodput = spread(
    over(block => block.goodPerSecond).map((value, round) => value / (full[round] ?? Number.NaN)),
  )
  const refused = (figure: (answers: Answers) => number) =>
    spread(
      over(block => (block.refused['503'] === undefined ? Number.NaN : figure(block.refused['503']) / 1000)),
    )
  const results = {
    capacity: median(full),
    goodput,
    refusedPerSecond: median(over(block => ((block.refused['503']?.count ?? 0) * 1000) / durationMs)),
    refusedP50Ms: refused(answers => answers.p50Us),
    refusedP99Ms: refused(answers => answers.p99Us),
    echoP50Ms: spread(over(block => block.echoed.p50Us / 1000)),
    echoP99Ms: spread(over(block => block.echoed.p99Us / 1000)),
    otherFailures: Math.max(...over(otherFailures)),
    peakMb: peakMb(parts.sconce.pid),
  }
  const row = [
    showNumber(results.capacity, 1),
    showSpread(results.goodput),
    showNumber(results.refusedPerSecond),
    ...[results.refusedP50Ms, results.refusedP99Ms, results.echoP50Ms, results.echoP99Ms].map(one =>
      showSpread(one),
    ),
    String(results.otherFailures),
    showNumber(results.peakMb),
    showRounds(measured),
  ]
  const title = `${byLength(options, EXCESS)} times its capacity, ${byLength(options, QUEUE)} may wait; ResNet-18, binary tensors`
  return { tables: [{ title, columns: COLUMNS, rows: [row] }], notes: [...NOTES, ROUNDS_NOTE], results }
}

const COLUMNS = [
  'capacity/s',
  'goodput',
  '503/s',
  '503 p50 ms',
  '503 p99 ms',
  'echo p50 ms',
  'echo p99 ms',
  'other failures',
  'peak MB',
  'rounds',
]

const NOTES = [
  `capacity is that of ${CONNECTIONS} in flight; goodput what is still answered within ${DEADLINE_MS} ms, over it.`,
  'Requests come by a Poisson process. A refused one has brought its whole body, 600 kB; its time runs from the ' +
    'intended moment.',
  'echo: a bare Fastify, 1 kB, asked 50 times a second meanwhile: what any process waits for a core.',
]

async function measureBlock({ echo, request, load, probe }: Parts, arrivals: Arrivals, durationMs: number) {
  const content = { path: '/echo', contentType: 'application/octet-stream', body: Buffer.alloc(1000) }
  const [result, echoed] = await Promise.all([
    load.run({
      request,
      arrivals,
      durationMs,
      deadlineMs: DEADLINE_MS,
      isTolerant: true,
    }),
    probe.run({
      request: { port: echo.port, ...content },
      arrivals: { kind: 'open', perSecond: PROBES_PER_SECOND, seed: 1 },
      durationMs,
    }),
  ])
  return { ...result, echoed }
}

function otherFailures({ refused, lost }: LoadResult): number {
  const counts = Object.entries(refused).map(([status, { count }]) => (status === '503' ? 0 : count))
  return counts.reduce((sum, count) => sum + count, lost)
}
