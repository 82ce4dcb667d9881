import { availableParallelism } from 'node:os'
import { byLength, type Bench, type BenchOptions, type Report, type Table } from './support/bench.ts'
import { withFolder } from './support/folder.ts'
import { HEAVY, makeHeavy, serveHeavy, tensorRequest } from './support/heavy.ts'
import { startLoadGenerator, type LoadGenerator, type LoadResult, type Request } from './support/load.ts'
import { FILES, FRAUD } from './support/models.ts'
import { RESNET_18 } from './support/nets.ts'
import { idealTimesUs, poissonMoments } from './support/poisson.ts'
import { measureRounds, pick, showRounds, ROUNDS_NOTE, type Rounds } from './support/rounds.ts'
import { withRunning } from './support/running.ts'
import { startSconceWith } from './support/servers.ts'
import { median, quantile, showNumber, showSpread, spread } from './support/statistics.ts'

const ROUNDS = 5
const CORES = availableParallelism()

interface Case {
  readonly title: string
  readonly request: Request
  /** Requests in flight that are sure to keep it busy. */
  readonly connections: number
  /** A block of each length. */
  readonly blockMs: Readonly<Record<BenchOptions['length'], number>>
  /** The p99 that is still good. */
  readonly p99Ms: number
  /** What an overloaded server still has to make. */
  readonly deadlineMs: number
}

export const bench: Bench = {
  question: 'How much can it take, and what does it do with more, when requests come by themselves?',
  against:
    'its own closed loop, measured in the same round; requests come by a Poisson process and times run from the ' +
    'intended moment; medians (lowest..highest)',
  run: options =>
    withFolder(folder =>
      withRunning(async keep => {
        const model = await makeHeavy(folder, RESNET_18, options)
        const load = keep(startLoadGenerator())
        const heavy = keep(await serveHeavy(model, options))
        const fraud = keep(
          await startSconceWith({
            store: [FILES.fraudModel],
            settings: ['load_models=all'],
            length: options.length,
          }),
        )
        const cases: readonly Case[] = [
          {
            title: 'tabular, JSON',
            request: {
              port: fraud.port,
              path: '/predictions/fraud',
              contentType: FRAUD.contentType,
              body: FRAUD.body,
            },
            connections: 32,
            blockMs: { quick: 200, medium: 2000, long: 4000 },
            p99Ms: options.p99Ms ?? 10,
            deadlineMs: 100,
          },
          {
            title: `${HEAVY} (ResNet-18), binary tensor`,
            request: tensorRequest(heavy, model),
            connections: 4 * CORES,
            blockMs: { quick: 200, medium: 5000, long: 15_000 },
            p99Ms: options.p99Ms ?? 200,
            deadlineMs: 1000,
          },
        ]
        return measureAll(cases, load, options)
      }),
    ),
}

async function measureAll(
  cases: readonly Case[],
  load: LoadGenerator,
  options: BenchOptions,
): Promise<Report> {
  const rows: string[][] = []
  const results: unknown[] = []
  for (const one of cases) {
    const measured = await measureLoads(one, load, options)
    const highest = await searchRate(one, load, { options, capacity: capacityOf(measured) })
    const result = resultOf(one, measured, highest)
    rows.push(showResult(one, result, measured))
    results.push(result)
  }
  const table: Table = { title: 'Open loop', columns: COLUMNS, rows }
  return { tables: [table], notes: [...NOTES, ROUNDS_NOTE], results }
}

const COLUMNS = [
  'model',
  'capacity/s',
  'highest rate/s with p99 in limit',
  'share',
  '80 %: p50 ms',
  'p99 ms',
  'p99/p50',
  'ideal',
  '120 %: goodput',
  '503 p99 ms',
  'rounds',
]

const NOTES = [
  'capacity is what a closed loop gets. The highest rate is found by halving; share is its part of the capacity.',
  '80 % and 120 % are of the capacity of the same round. ideal: p99/p50 of as many workers as there are cores that ' +
    'each need exactly the same time, on the same arrivals; what runs one request after the other cannot be better.',
  'goodput: answers within the deadline (100 ms tabular, 1 s heavy; the request says so in x-request-timeout-ms), over the capacity.',
]

const [FULL, MOST, OVER] = ['capacity', '80 %', '120 %']

interface Block extends LoadResult {
  /** p99 over p50 of workers without any flaw. */
  readonly idealRatio: number
  /** Good answers per second over the capacity of the round. */
  readonly goodput: number
}

/** Each round: the capacity, then shares of just that capacity. */
async function measureLoads(one: Case, load: LoadGenerator, options: BenchOptions): Promise<Rounds<Block>> {
  const blockMs = byLength(options, one.blockMs)
  let capacity = 0
  let seed = 0
  const measure = async (name: string): Promise<Block> => {
    if (name === FULL || capacity === 0) {
      const full = await runClosed(one, load, blockMs)
      capacity = full.perSecond
      if (name === FULL) return { ...full, idealRatio: Number.NaN, goodput: 1 }
    }
    const perSecond = capacity * (name === MOST ? 0.8 : 1.2)
    const arrivals = { perSecond, seed: ++seed }
    // The tail needs many requests, the overload time to build up.
    const durationMs = blockMs * 2
    const result = await runOpen(one, load, { ...arrivals, durationMs })
    const times = idealTimesUs(poissonMoments(arrivals, durationMs), CORES, (1000 * CORES) / capacity)
    return {
      ...result,
      idealRatio: quantile(times, 0.99) / quantile(times, 0.5),
      goodput: result.goodPerSecond / capacity,
    }
  }
  await measure(FULL)
  const names = [FULL, MOST, OVER]
  return measureRounds({ ...options, title: `open loop ${one.title}`, names, rounds: ROUNDS, measure })
}

function runClosed({ request, connections }: Case, load: LoadGenerator, durationMs: number) {
  return load.run({ request, arrivals: { kind: 'closed', connections }, durationMs })
}

function runOpen(
  { request, deadlineMs }: Case,
  load: LoadGenerator,
  { perSecond, seed, durationMs }: { perSecond: number; seed: number; durationMs: number },
): Promise<LoadResult> {
  const headers = [...(request.headers ?? []), `x-request-timeout-ms: ${deadlineMs}`]
  return load.run({
    request: { ...request, headers },
    arrivals: { kind: 'open', perSecond, seed },
    durationMs,
    deadlineMs,
    isTolerant: true,
  })
}

const STEPS = { quick: 1, medium: 5, long: 7 }
const SEARCH_SEED = 1000

/** The highest rate, by halving, at which nothing is refused and the p99 is within the limit. */
async function searchRate(
  one: Case,
  load: LoadGenerator,
  { options, capacity }: { options: BenchOptions; capacity: number },
): Promise<number> {
  let [good, bad] = [0, capacity * 1.1]
  const durationMs = byLength(options, one.blockMs)
  for (let step = 0; step < byLength(options, STEPS); step++) {
    const perSecond = (good + bad) / 2
    const { p99Us, sent, count } = await runOpen(one, load, {
      perSecond,
      seed: SEARCH_SEED + step,
      durationMs,
    })
    const isGood = count === sent && p99Us <= one.p99Ms * 1000
    options.say(
      `open loop ${one.title}: ${showNumber(perSecond)}/s, p99 ${showNumber(p99Us / 1000, 1)} ms` +
        (isGood ? '' : ', too much'),
    )
    if (isGood) good = perSecond
    else bad = perSecond
  }
  return good
}

function capacityOf(measured: Rounds<Block>): number {
  return median(pick(measured, FULL, block => block.perSecond))
}

function resultOf({ title, p99Ms, deadlineMs }: Case, measured: Rounds<Block>, highest: number) {
  const { rounds, dropped, noisy } = measured
  const capacity = capacityOf(measured)
  const middle = (name: string, figure: (block: Block) => number) => median(pick(measured, name, figure))
  return {
    model: title,
    rounds: rounds.length,
    dropped,
    noisy,
    capacity,
    limitMs: p99Ms,
    deadlineMs,
    highest,
    share: highest / capacity,
    at80: {
      p50Us: middle(MOST, block => block.p50Us),
      p99Us: middle(MOST, block => block.p99Us),
      ratio: spread(pick(measured, MOST, block => block.p99Us / block.p50Us)),
      ideal: middle(MOST, block => block.idealRatio),
      generatorLateUs: middle(MOST, block => block.lateUs),
    },
    at120: {
      goodput: spread(pick(measured, OVER, block => block.goodput)),
      refusedP99Us: middle(OVER, block => block.refused['503']?.p99Us ?? Number.NaN),
      lost: Math.max(...pick(measured, OVER, block => block.lost)),
    },
  }
}

function showResult(one: Case, result: ReturnType<typeof resultOf>, measured: Rounds<Block>): string[] {
  const { at80, at120 } = result
  return [
    one.title,
    showNumber(result.capacity, 1),
    `${showNumber(result.highest, 1)} (p99 <= ${one.p99Ms} ms)`,
    showNumber(result.share, 2),
    showNumber(at80.p50Us / 1000, 2),
    showNumber(at80.p99Us / 1000, 2),
    showSpread(at80.ratio),
    showNumber(at80.ideal, 2),
    showSpread(at120.goodput),
    showNumber(at120.refusedP99Us / 1000, 2),
    showRounds(measured),
  ]
}
