import { byLength, type Bench, type BenchOptions, type Report } from './support/bench.ts'
import { DIGITS, FRAUD, type BenchModel } from './support/models.ts'
import { closed, REFERENCE, RIVAL, runLoad, withParts, type Parts } from './support/parts.ts'
import { differences, measureRounds, pick, showRounds, ROUNDS_NOTE, type Rounds } from './support/rounds.ts'
import { startBareSession, type BareSession } from './support/session.ts'
import { median, showNumber, showSpread, spread } from './support/statistics.ts'

const ROUNDS = 9
const BLOCK_MS = { quick: 200, medium: 1000, long: 1500 }
const BARE = 'session.run'

export const bench: Bench = {
  question: 'What does Sconce add to the time of one prediction, when it has nothing else to do?',
  against:
    'a bare session.run of onnxruntime-node in a plain loop on the same tensor (and, for the share of HTTP, a bare ' +
    'Fastify that answers the same without a model); one request at a time, blocks of a second in turns, ' +
    'medians of the differences of the p50 within each round (lowest..highest)',
  run: options =>
    withParts(options, async parts => {
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
    const served = [model.name, ...(parts.rival === undefined ? [] : [RIVAL])]
    for (const name of served) {
      rows.push(showModel(model, name, measured))
      results.push(resultOf(model, name, measured))
    }
  }
  const columns = ['model', 'served', BARE, 'echo', 'p50', `added to ${BARE}`, 'added to echo', 'rounds']
  return {
    tables: [{ title: 'p50 in microseconds, one request at a time', columns, rows }],
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
  const durationMs = byLength(options, BLOCK_MS)
  const values = await model.tensor()
  const measure = async (name: string): Promise<number> => {
    if (name !== BARE)
      return (await runLoad(parts, { model, name }, { arrivals: closed(1), durationMs })).p50Us
    const { file, input, dims } = model
    return (await bare.run({ file, threads: 1, input, dims, content: { values }, durationMs })).p50Us
  }
  const rival = parts.rival === undefined ? [] : [RIVAL]
  const names = [BARE, REFERENCE, model.name, ...rival]
  for (const name of names) await measure(name) // The first block of each warms it up.
  return measureRounds({ ...options, title: `latency ${model.name}`, names, rounds: ROUNDS, measure })
}

const own = (value: number): number => value

function showModel(model: BenchModel, name: string, measured: Rounds<number>): string[] {
  const middles = [BARE, REFERENCE, name].map(one => showNumber(median(pick(measured, one, own))))
  const added = [BARE, REFERENCE].map(one => showSpread(spread(differences(measured, [name, one], own)), 0))
  return [model.name, name === RIVAL ? RIVAL : 'sconce', ...middles, ...added, showRounds(measured)]
}

function resultOf(model: BenchModel, name: string, measured: Rounds<number>): unknown {
  const { rounds, dropped, noisy } = measured
  return {
    model: model.name,
    served: name,
    rounds: rounds.length,
    dropped,
    noisy,
    p50Us: {
      sessionRun: median(pick(measured, BARE, own)),
      echo: median(pick(measured, REFERENCE, own)),
      own: median(pick(measured, name, own)),
      addedToSessionRun: spread(differences(measured, [name, BARE], own)),
      addedToEcho: spread(differences(measured, [name, REFERENCE], own)),
    },
  }
}
