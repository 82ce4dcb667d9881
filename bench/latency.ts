import type { Bench, BenchOptions, Report } from './support/bench.ts'
import { DIGITS, FRAUD, type BenchModel } from './support/models.ts'
import { REFERENCE, runLoad, withParts, type Parts } from './support/parts.ts'
import { differences, measureRounds, pick, showRounds, ROUNDS_NOTE, type Rounds } from './support/rounds.ts'
import { startBareSession, type BareSession } from './support/session.ts'
import { median, showSpread, spread } from './support/statistics.ts'

const ROUNDS = 9
const BLOCK_MS = 1500
const QUICK_BLOCK_MS = 300
const BARE = 'session.run'

export const bench: Bench = {
  question: 'What does Sconce add to the time of one prediction, when it has nothing else to do?',
  against:
    'a bare session.run of onnxruntime-node in a plain loop on the same tensor (and, for the share of HTTP, a bare ' +
    `Fastify that answers the same without a model); one request at a time, blocks of ${BLOCK_MS / 1000} s in turns, ` +
    'medians of the differences of the p50 within each round (lowest..highest)',
  run: options =>
    withParts(async parts => {
      const bare = startBareSession()
      try {
        return await measureAll(parts, bare, options)
      } finally {
        bare.stop()
      }
    }),
}

async function measureAll(parts: Parts, bare: BareSession, options: BenchOptions): Promise<Report> {
  const rows: string[][] = []
  const results: unknown[] = []
  for (const model of [FRAUD, DIGITS]) {
    const measured = await measureModel(parts, bare, { model, options })
    rows.push(showModel(model, measured))
    results.push(resultOf(model, measured))
  }
  return {
    tables: [
      {
        title: 'p50 in microseconds, one request at a time',
        columns: ['model', BARE, 'echo', 'Sconce', `added to ${BARE}`, 'added to echo', 'rounds'],
        rows,
      },
    ],
    notes: [
      'For digits the added time has the decoding of the PNG in it, which session.run does not do.',
      ROUNDS_NOTE,
    ],
    results,
  }
}

interface Case {
  readonly model: BenchModel
  readonly options: BenchOptions
}

/** The p50 of each way, in microseconds, round by round. */
async function measureModel(
  parts: Parts,
  bare: BareSession,
  { model, options }: Case,
): Promise<Rounds<number>> {
  const durationMs = options.isQuick ? QUICK_BLOCK_MS : BLOCK_MS
  const values = [...(await model.tensor())]
  const measure = async (name: string): Promise<number> => {
    if (name !== BARE) return (await runLoad(parts, { model, name, connections: 1 }, durationMs)).p50Us
    const { file, input, dims } = model
    return (await bare.run({ file, input, dims, values, durationMs })).p50Us
  }
  const names = [BARE, REFERENCE, model.name]
  for (const name of names) await measure(name) // The first block of each warms it up.
  return measureRounds({ ...options, title: `latency ${model.name}`, names, rounds: ROUNDS, measure })
}

const own = (value: number): number => value

function showModel({ name }: BenchModel, measured: Rounds<number>): string[] {
  const middles = [BARE, REFERENCE, name].map(one => median(pick(measured, one, own)).toFixed(0))
  const added = [BARE, REFERENCE].map(one => showSpread(spread(differences(measured, [name, one], own)), 0))
  return [name, ...middles, ...added, showRounds(measured)]
}

function resultOf({ name }: BenchModel, measured: Rounds<number>): unknown {
  const { rounds, dropped, noisy } = measured
  return {
    model: name,
    rounds: rounds.length,
    dropped,
    noisy,
    p50Us: {
      sessionRun: median(pick(measured, BARE, own)),
      echo: median(pick(measured, REFERENCE, own)),
      sconce: median(pick(measured, name, own)),
      addedToSessionRun: spread(differences(measured, [name, BARE], own)),
      addedToEcho: spread(differences(measured, [name, REFERENCE], own)),
    },
  }
}
