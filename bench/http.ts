import { readCpu } from './support/cpu.ts'
import type { Bench, BenchOptions, Table } from './support/bench.ts'
import type { LoadResult } from './support/load.ts'
import { DIGITS, FRAUD, type BenchModel } from './support/models.ts'
import { measureRounds, pick, ratios, showRounds, ROUNDS_NOTE, type Rounds } from './support/rounds.ts'
import { REFERENCE, runLoad, serverOf, withParts, type Parts, type Target } from './support/parts.ts'
import { median, showNumber, showSpread, spread } from './support/statistics.ts'

const CONCURRENCIES = [1, 8, 32, 128]
const ROUNDS = 7
const BLOCK_MS = 2000
const QUICK_BLOCK_MS = 300

interface Block extends LoadResult {
  /** Microseconds of processor time per request, of the server and its workers. */
  readonly cpuUs: number
}

interface Case {
  readonly model: BenchModel
  /** Names of the models in Sconce that get the request. */
  readonly served: readonly string[]
}

const CASES: readonly Case[] = [
  { model: FRAUD, served: ['fraud', 'fraud_batched'] },
  { model: DIGITS, served: ['digits'] },
]

export const bench: Bench = {
  question: 'How does Sconce compare over HTTP with a server that has no model at all?',
  against:
    'a bare Fastify on the same machine at the same time that takes the same bodies (JSON is parsed) and gives the ' +
    `same answers; blocks of ${BLOCK_MS / 1000} s in turns, medians of the ratios within each round (lowest..highest)`,
  run: options => withParts(parts => measureAll(parts, options)),
}

async function measureAll(parts: Parts, options: BenchOptions) {
  const tables: Table[] = []
  const results: unknown[] = []
  for (const one of CASES) {
    const rows: string[][] = []
    for (const name of [...one.served, REFERENCE]) await warm(parts, one.model, name, options)
    for (const connections of options.isQuick ? [8] : CONCURRENCIES) {
      const measured = await measureRounds<Block>({
        ...options,
        title: `http ${one.model.name}, ${connections} in flight`,
        names: [...one.served, REFERENCE],
        rounds: ROUNDS,
        measure: name => measureBlock(parts, { model: one.model, name, connections }, blockMs(options)),
      })
      rows.push(...showCase(one, connections, measured))
      results.push(...resultsOf(one, connections, measured))
    }
    tables.push({ title: titleOf(one.model), columns: COLUMNS, rows })
  }
  const notes = [
    'cpu is processor time per request of the server and its workers; x is the ratio to echo, median (lowest..highest).',
    'fraud runs one request at a time per worker (the default); fraud_batched and digits run up to 32 that wait together.',
    'client is what the load generator, one process beside the servers, used of a core: near 1.0 it is what limits the ' +
      'requests/s of its row, and only cpu can be compared.',
    ROUNDS_NOTE,
  ]
  return { tables, notes, results }
}

const COLUMNS = [
  'served',
  'in flight',
  'requests/s',
  'x',
  'p50 ms',
  'x',
  'p99 ms',
  'x',
  'cpu us',
  'x',
  'client',
  'rounds',
]

const FIGURES: readonly {
  readonly key: 'perSecond' | 'p50Us' | 'p99Us' | 'cpuUs'
  readonly show: (value: number) => string
}[] = [
  { key: 'perSecond', show: value => showNumber(value) },
  { key: 'p50Us', show: value => showNumber(value / 1000, 2) },
  { key: 'p99Us', show: value => showNumber(value / 1000, 2) },
  { key: 'cpuUs', show: value => showNumber(value) },
]

function titleOf({ name, contentType, body }: BenchModel): string {
  return `${name}: ${contentType}, ${body.length} bytes`
}

function showCase({ served }: Case, connections: number, measured: Rounds<Block>): string[][] {
  return [...served, REFERENCE].map(name => {
    const cells = FIGURES.flatMap(({ key, show }) => [
      show(median(pick(measured, name, block => block[key]))),
      name === REFERENCE ? '' : showSpread(spread(ratios(measured, [name, REFERENCE], block => block[key]))),
    ])
    const client = median(pick(measured, name, block => block.clientCores)).toFixed(2)
    return [name, String(connections), ...cells, client, name === REFERENCE ? '' : showRounds(measured)]
  })
}

function resultsOf({ model, served }: Case, connections: number, measured: Rounds<Block>): unknown[] {
  const { dropped, noisy, rounds } = measured
  return served.map(name => ({
    model: model.name,
    served: name,
    connections,
    rounds: rounds.length,
    dropped,
    noisy,
    clientCores: {
      sconce: median(pick(measured, name, block => block.clientCores)),
      echo: median(pick(measured, REFERENCE, block => block.clientCores)),
    },
    ...Object.fromEntries(
      FIGURES.map(({ key }) => [
        key,
        {
          sconce: median(pick(measured, name, block => block[key])),
          echo: median(pick(measured, REFERENCE, block => block[key])),
          ratio: spread(ratios(measured, [name, REFERENCE], block => block[key])),
        },
      ]),
    ),
  }))
}

function blockMs({ isQuick }: BenchOptions): number {
  return isQuick ? QUICK_BLOCK_MS : BLOCK_MS
}

async function warm(parts: Parts, model: BenchModel, name: string, options: BenchOptions): Promise<void> {
  for (let count = 0; count < (options.isQuick ? 1 : 2); count++) {
    await measureBlock(parts, { model, name, connections: 32 }, blockMs(options))
  }
}

async function measureBlock(parts: Parts, target: Target, durationMs: number): Promise<Block> {
  const { pid } = serverOf(parts, target)
  const before = readCpu()
  const result = await runLoad(parts, target, durationMs)
  const cpuMs = readCpu().treeMs(pid) - before.treeMs(pid)
  return { ...result, cpuUs: (cpuMs * 1000) / result.requests }
}
