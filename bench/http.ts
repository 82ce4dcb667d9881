import { byLength, type Bench, type BenchOptions, type Report, type Table } from './support/bench.ts'
import { figureCells, figureColumns, figureResults, type Figure } from './support/figures.ts'
import { peakMb } from './support/memory.ts'
import { DIGITS, FRAUD, type BenchModel } from './support/models.ts'
import {
  closed,
  pidOf,
  REFERENCE,
  RIVAL,
  runLoad,
  withParts,
  type Block,
  type Parts,
} from './support/parts.ts'
import { measureRounds, ROUNDS_NOTE } from './support/rounds.ts'
import { showNumber } from './support/statistics.ts'

const ROUNDS = 7
const BLOCK_MS = { quick: 200, medium: 1200, long: 2000 }
const CONCURRENCIES = { quick: [8], medium: [1, 32, 128], long: [1, 8, 32, 128] }

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
    'same answers; blocks of a second or two in turns, medians of the ratios within each round (lowest..highest)',
  run: options => withParts(options, parts => measureAll(parts, options)),
}

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
  const tables: Table[] = []
  const results: unknown[] = []
  for (const one of CASES) {
    const { rows, found } = await measureCase(parts, one, options)
    tables.push({ title: await titleOf(parts, one.model), columns: COLUMNS, rows })
    results.push(...found)
  }
  const peaks = namesOf(parts, ['sconce']).map(name => {
    const pid = pidOf(parts, { model: FRAUD, name })
    return { name, peakMb: pid === undefined ? Number.NaN : peakMb(pid) }
  })
  return { tables, notes: [...NOTES, peakNote(peaks)], results: { cases: results, peaks } }
}

const COLUMNS = ['served', 'in flight', ...figureColumns(FIGURES)]

const NOTES = [
  'cpu is processor time per request in microseconds (the same number of milliseconds per 1,000 requests), of the ' +
    'server and its workers; server and workers are its two parts. x is the ratio to echo, median (lowest..highest).',
  'fraud has no batch size of its own, so batches form up to what was measured to pay; fraud_batched names 32.',
  'client is what the load generator, one process beside the servers, used of a core: near 1.0 it is what limits the ' +
    'requests/s of its row, and only cpu can be compared.',
  ROUNDS_NOTE,
]

async function measureCase(parts: Parts, { model, served }: Case, options: BenchOptions) {
  const rows: string[][] = []
  const found: unknown[] = []
  const names = namesOf(parts, served)
  const durationMs = byLength(options, BLOCK_MS)
  for (const name of names) await runLoad(parts, { model, name }, { arrivals: closed(32), durationMs }) // Warms up.
  for (const connections of byLength(options, CONCURRENCIES)) {
    const measured = await measureRounds({
      ...options,
      title: `http ${model.name}, ${connections} in flight`,
      names,
      rounds: ROUNDS,
      measure: name => runLoad(parts, { model, name }, { arrivals: closed(connections), durationMs }),
    })
    for (const name of names) {
      const pair = { name, reference: REFERENCE }
      rows.push([name, String(connections), ...figureCells(measured, FIGURES, pair)])
      if (name !== REFERENCE)
        found.push({ model: model.name, connections, ...figureResults(measured, FIGURES, pair) })
    }
  }
  return { rows, found }
}

function namesOf({ rival }: Parts, served: readonly string[]): string[] {
  return [...served, ...(rival === undefined ? [] : [RIVAL]), REFERENCE]
}

async function titleOf({ door }: Parts, model: BenchModel): Promise<string> {
  const { contentType, body } = await door.requestOf(model)
  return `${model.name}: ${door.path}, ${contentType}, ${body.length} bytes`
}

function peakNote(peaks: readonly { readonly name: string; readonly peakMb: number }[]): string {
  const shown = peaks.map(peak => `${peak.name} ${showNumber(peak.peakMb)} MB`)
  return `Most memory held (resident, of each process of a server, added up): ${shown.join(', ')}.`
}
