import { byLength, type Bench, type BenchOptions, type Report } from './support/bench.ts'
import { readCpu } from './support/cpu.ts'
import { openForkWay, openSocketWay, type Way } from './support/hop-ways.ts'
import { measureRounds, pick, ratios, showRounds, ROUNDS_NOTE, type Rounds } from './support/rounds.ts'
import { median, quantile, showNumber, showSpread, spread } from './support/statistics.ts'

const SIZES = [
  { title: '1 kB in, 4 kB out', requestBytes: 1000, answerBytes: 4000 },
  { title: '600 kB in, 4 kB out', requestBytes: 600_000, answerBytes: 4000 },
]
const IN_FLIGHT = 8
const ROUNDS = 9
const BLOCK_MS = { quick: 100, medium: 1000, long: 1000 }
const OURS = 'socket pair'
const THEIRS = 'fork messages'

interface Block {
  readonly perSecond: number
  readonly p50Us: number
  /** Microseconds of processor time per round trip: of both sides, and of the near side alone. */
  readonly cpuUs: number
  readonly nearCpuUs: number
}

export const bench: Bench = {
  question: 'What does the way from the server to a worker and back cost?',
  against:
    `messages of child_process.fork (serialization: advanced) with the same content; ${IN_FLIGHT} in flight, blocks of ` +
    'a second in turns, medians of the ratios within each round (lowest..highest)',
  async run(options): Promise<Report> {
    const rows: string[][] = []
    const results: unknown[] = []
    for (const size of SIZES) {
      const measured = await measureSize(size, options)
      rows.push(...showSize(size.title, measured))
      results.push(resultOf(size.title, measured))
    }
    const notes = [
      `x is the ratio of ${OURS} to ${THEIRS}. cpu is processor time per round trip, server cpu the server's share of it.`,
      ROUNDS_NOTE,
    ]
    return {
      tables: [{ title: `Round trips, ${IN_FLIGHT} in flight`, columns: COLUMNS, rows }],
      notes,
      results,
    }
  },
}

const FIGURES = ['perSecond', 'p50Us', 'cpuUs', 'nearCpuUs'] as const
const COLUMNS = ['size', 'way', 'trips/s', 'x', 'p50 us', 'x', 'cpu us', 'x', 'server cpu us', 'x', 'rounds']

async function measureSize(size: (typeof SIZES)[number], options: BenchOptions): Promise<Rounds<Block>> {
  const ways = new Map([
    [OURS, openSocketWay(size.answerBytes)],
    [THEIRS, openForkWay(size.answerBytes)],
  ])
  const trips = new Map([...ways].map(([name, way]) => [name, new Trips(way, size.requestBytes)]))
  const measure = (name: string): Promise<Block> => {
    const one = trips.get(name)
    if (one === undefined) throw new Error(`There is no way called ${name}`)
    return one.run(byLength(options, BLOCK_MS))
  }
  try {
    for (const name of ways.keys()) await measure(name) // The first block of each warms it up.
    return await measureRounds({
      ...options,
      title: `hop ${size.title}`,
      names: [...ways.keys()],
      rounds: ROUNDS,
      measure,
    })
  } finally {
    for (const way of ways.values()) way.stop()
  }
}

/** Round trips over one way, always IN_FLIGHT at a time. */
class Trips {
  readonly #way: Way
  readonly #body: Buffer
  readonly #sentAt = new Map<number, number>()
  #latenciesUs: number[] = []
  #batch = 0
  #until = 0
  #onEnd = (): void => {}

  constructor(way: Way, requestBytes: number) {
    this.#way = way
    this.#body = Buffer.alloc(requestBytes, 1)
    way.onAnswer(message => this.#take(message.type === 'done' ? message.batch : Number.NaN))
  }

  async run(durationMs: number): Promise<Block> {
    const before = readCpu()
    const usage = process.cpuUsage()
    this.#latenciesUs = []
    this.#until = before.at + durationMs
    await new Promise<void>(resolve => {
      this.#onEnd = resolve
      for (let count = 0; count < IN_FLIGHT; count++) this.#send()
    })
    const near = process.cpuUsage(usage)
    const after = readCpu()
    const trips = this.#latenciesUs.length
    const nearUs = near.user + near.system
    const farUs = 1000 * (after.treeMs(this.#way.pid) - before.treeMs(this.#way.pid))
    return {
      perSecond: trips / ((after.at - before.at) / 1000),
      p50Us: quantile(Float64Array.from(this.#latenciesUs).toSorted(), 0.5),
      cpuUs: (nearUs + farUs) / trips,
      nearCpuUs: nearUs / trips,
    }
  }

  #send(): void {
    const batch = ++this.#batch
    this.#sentAt.set(batch, performance.now())
    const headers = { 'content-type': 'application/octet-stream', url_path: '', explain: 'False' }
    const parameters = [{ name: 'body', contentType: 'application/octet-stream', value: this.#body }]
    this.#way.send({
      type: 'run',
      batch,
      verb: 'predict',
      items: [{ requestId: String(batch), headers, parameters }],
    })
  }

  #take(batch: number): void {
    const now = performance.now()
    this.#latenciesUs.push((now - (this.#sentAt.get(batch) ?? Number.NaN)) * 1000)
    this.#sentAt.delete(batch)
    if (now < this.#until) this.#send()
    else if (this.#sentAt.size === 0) this.#onEnd()
  }
}

function showSize(title: string, measured: Rounds<Block>): string[][] {
  return [OURS, THEIRS].map(name => {
    const cells = FIGURES.flatMap(key => [
      showNumber(median(pick(measured, name, block => block[key])), key === 'perSecond' ? 0 : 1),
      name === THEIRS ? '' : showSpread(spread(ratios(measured, [OURS, THEIRS], block => block[key]))),
    ])
    return [title, name, ...cells, name === THEIRS ? '' : showRounds(measured)]
  })
}

function resultOf(title: string, measured: Rounds<Block>): unknown {
  const { rounds, dropped, noisy } = measured
  const figures = FIGURES.map(key => [
    key,
    {
      socketPair: median(pick(measured, OURS, block => block[key])),
      fork: median(pick(measured, THEIRS, block => block[key])),
      ratio: spread(ratios(measured, [OURS, THEIRS], block => block[key])),
    },
  ])
  return { size: title, rounds: rounds.length, dropped, noisy, ...Object.fromEntries(figures) }
}
