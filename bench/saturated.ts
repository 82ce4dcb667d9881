import { availableParallelism } from 'node:os'
import { byLength, type Bench, type BenchOptions, type Report } from './support/bench.ts'
import { cpuPerRequest } from './support/cpu.ts'
import { figureCells, figureColumns, figureResults, type Figure } from './support/figures.ts'
import { withFolder } from './support/folder.ts'
import {
  IMAGE_DIMS,
  jpegRequest,
  makeHeavy,
  serveHeavy,
  tensorRequest,
  type HeavyModel,
} from './support/heavy.ts'
import { startLoadGenerator, type LoadGenerator } from './support/load.ts'
import { IMAGE_INPUT, RESNET_18 } from './support/nets.ts'
import { measureRounds, ROUNDS_NOTE } from './support/rounds.ts'
import { withRunning } from './support/running.ts'
import type { RunningSconce } from './support/servers.ts'
import { startBareSession, type BareSession, type SessionOrder } from './support/session.ts'

const ROUNDS = 9
const BLOCK_MS = { quick: 200, medium: 3000, long: 5000 }
const CORES = availableParallelism()
/** Requests in flight: each worker has one in hand and finds the next one waiting. */
const IN_FLIGHT = 4 * CORES
const SCONCE = 'Sconce'
const BARE = `session.run, ${CORES} x 1 thread`
const THREADED = `session.run, 1 x ${CORES} threads`

export const bench: Bench = {
  question: 'How much of the machine does a heavy model get?',
  against:
    'bare loops of onnxruntime-node in as many processes as there are cores, for images after sharp in the same loop; ' +
    'a net of the class of ResNet-18, all cores busy, the client of Sconce on the same cores; blocks of a few ' +
    'seconds in turns, medians of the ratios within each round (lowest..highest)',
  run: options =>
    withFolder(folder =>
      withRunning(async keep => {
        const model = await makeHeavy(folder, RESNET_18, options)
        const sconce = keep(await serveHeavy(model, options))
        const load = keep(startLoadGenerator())
        const bare = Array.from({ length: CORES }, () => keep(startBareSession()))
        return measureAll({ model, sconce, load, bare }, options)
      }),
    ),
}

interface Parts {
  readonly model: HeavyModel
  readonly sconce: RunningSconce
  readonly load: LoadGenerator
  readonly bare: readonly BareSession[]
}

interface Block {
  readonly perSecond: number
  readonly p50Us: number
  readonly cpuUs: number
  readonly clientCores: number
}

const FIGURES: readonly Figure<Block>[] = [
  { key: 'perSecond', title: 'items/s', digits: 1, of: block => block.perSecond },
  { key: 'p50Ms', title: 'p50 ms', digits: 1, compare: 'none', of: block => block.p50Us / 1000 },
  { key: 'cpuMs', title: 'cpu ms', digits: 1, of: block => block.cpuUs / 1000 },
  { key: 'clientCores', title: 'client', digits: 2, compare: 'none', of: block => block.clientCores },
]

async function measureAll(parts: Parts, options: BenchOptions): Promise<Report> {
  const rows: string[][] = []
  const results: unknown[] = []
  for (const content of ['binary tensor', 'JPEG'] as const) {
    const names = [SCONCE, BARE, THREADED]
    const measure = (name: string) => measureBlock(parts, content, name, byLength(options, BLOCK_MS))
    for (const name of names) await measure(name) // The first block of each warms it up.
    const title = `saturated, ${content}`
    const measured = await measureRounds<Block>({ ...options, title, names, rounds: ROUNDS, measure })
    for (const name of names) {
      const pair = { name, reference: BARE }
      rows.push([content, name, ...figureCells(measured, FIGURES, pair)])
      if (name !== BARE) results.push({ content, ...figureResults(measured, FIGURES, pair) })
    }
  }
  const notes = [
    'x is the ratio to the bare loops with one thread each. cpu is processor time per item, of Sconce without its client.',
    `client is what the load generator used of a core: of ${CORES} cores Sconce had so much less.`,
    'In the loops of JPEG an image is decoded, then run, then the next: nothing overlaps within one process.',
    ROUNDS_NOTE,
  ]
  const columns = ['request', 'run by', ...figureColumns(FIGURES)]
  return { tables: [{ title: `ResNet-18, ${CORES} cores`, columns, rows }], notes, results }
}

async function measureBlock(
  { model, sconce, load, bare }: Parts,
  content: 'binary tensor' | 'JPEG',
  name: string,
  durationMs: number,
): Promise<Block> {
  if (name === SCONCE) {
    const request = content === 'JPEG' ? jpegRequest(sconce, model) : tensorRequest(sconce, model)
    const arrivals = { kind: 'closed', connections: IN_FLIGHT } as const
    return cpuPerRequest(sconce.pid, () => load.run({ request, arrivals, durationMs }))
  }
  const given = content === 'JPEG' ? { jpeg: model.jpeg } : { values: model.values }
  const order = { file: model.file, input: IMAGE_INPUT, dims: IMAGE_DIMS, content: given, durationMs }
  return name === BARE
    ? runLoops(bare, { ...order, threads: 1 })
    : runLoops(bare.slice(0, 1), { ...order, threads: CORES })
}

/** The same order in several processes at a time, added up. */
async function runLoops(loops: readonly BareSession[], order: SessionOrder): Promise<Block> {
  const measured = await Promise.all(
    loops.map(loop =>
      cpuPerRequest(loop.pid, async () => {
        const { runs, ...result } = await loop.run(order)
        return { ...result, requests: runs }
      }),
    ),
  )
  const mean = (figure: (one: (typeof measured)[number]) => number): number =>
    measured.reduce((sum, one) => sum + figure(one), 0) / measured.length
  return {
    perSecond: measured.reduce((sum, one) => sum + one.perSecond, 0),
    p50Us: mean(one => one.p50Us),
    cpuUs: mean(one => one.cpuUs),
    clientCores: Number.NaN,
  }
}
