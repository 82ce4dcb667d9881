import type { Session } from './handler.ts'
import { batchSymbols, FILLS, makeInputs, type Fill } from './trial.ts'
import { elementCount, type GraphInfo, type Tensors } from './tensor.ts'
import { mayPay, type RunTime } from './tuning.ts'

/** Runs of one size; the least time counts, since other work on the machine only adds to it. */
const LEAST_RUNS = 3
const MOST_RUNS = 50
/** Runs of a fast model are repeated for so long, so that the least time is one that nothing disturbed. */
const REPEAT_MS = 5
/** Of a slow model one run has to do: what disturbs it is little against it. */
const SLOW_MS = 250
/** How long sessions of a slow model are compared. */
const TURNS_MS = 400
/** Length that an axis of tokens gets. */
const TOKENS = 16

/**
 * Made-up inputs with which a graph can be run without knowing what it is for. Inputs with free axes beside the batch are
 * made up only where they look like rows of tokens: what is left of too small an image ends ONNX Runtime's process.
 */
export class SampleInputs {
  readonly #graph: GraphInfo
  readonly #fill: Fill

  private constructor(graph: GraphInfo, fill: Fill) {
    this.#graph = graph
    this.#fill = fill
  }

  /** Undefined where none that are tried are taken. It has run the graph once. */
  static async find(session: Session): Promise<SampleInputs | undefined> {
    if (!canMakeUp(session.graph)) return undefined
    for (const fill of FILLS) {
      const samples = new SampleInputs(session.graph, fill)
      if (await runs(session, samples.make(1))) return samples
    }
    return undefined
  }

  make(rows: number): Tensors {
    const batches = batchSymbols(this.#graph.inputs)
    const symbols = this.#graph.inputs.flatMap(({ shape }) => shape.filter(size => typeof size === 'string'))
    const sizes = new Map(symbols.map(symbol => [symbol, batches.has(symbol) ? rows : TOKENS]))
    return makeInputs(this.#graph.inputs, sizes, this.#fill)
  }
}

function canMakeUp({ inputs }: GraphInfo): boolean {
  const batches = batchSymbols(inputs)
  // A single axis may be anything: samples of sound, pixels.
  if (!inputs.some(({ shape }) => shape.length > 1)) return false
  return inputs.every(({ shape, type }) => {
    const free = shape.filter(size => typeof size === 'string' && !batches.has(size))
    // A graph of unknown rank says no axes; '' is an axis without a name, which only the first may be.
    const isNamed = shape.slice(1).every(size => size !== '')
    return type !== 'string' && shape.length > 0 && isNamed && (free.length === 0 || shape.length <= 2)
  })
}

/** Whether rows lie along the first axis of every input and output. */
export function hasRows({ inputs, outputs }: GraphInfo): boolean {
  return [...inputs, ...outputs].every(({ shape }) => typeof shape[0] === 'string')
}

/** The least time of one run with so many rows; undefined where the graph does not take them. */
async function timeRun(session: Session, samples: SampleInputs, rows: number): Promise<RunTime | undefined> {
  const inputs = samples.make(rows)
  let ms = Infinity
  const startedAt = performance.now()
  for (let run = 1; run <= MOST_RUNS; run++) {
    const runAt = performance.now()
    const usedAt = process.cpuUsage()
    if (!(await runs(session, inputs))) return undefined
    const endedAt = performance.now()
    ms = Math.min(ms, undisturbed(endedAt - runAt, process.cpuUsage(usedAt)))
    if (endedAt - startedAt > (run < LEAST_RUNS ? SLOW_MS : REPEAT_MS)) break
  }
  return { size: rows, ms }
}

/** Of a run that had to wait for a core the processor time counts, which is less; of one on several threads it is more. */
function undisturbed(ms: number, { user, system }: NodeJS.CpuUsage): number {
  const usedMs = (user + system) / 1000
  return usedMs > 0 ? Math.min(ms, usedMs) : ms
}

/** The least milliseconds of one row; Infinity where the session does not take it. */
export async function timeRow(session: Session, samples: SampleInputs): Promise<number> {
  return (await timeRun(session, samples, 1))?.ms ?? Infinity
}

/**
 * The least milliseconds of one row in each session; Infinity where one does not take it. In turns, so that what disturbs
 * the machine for a while does not decide between them.
 */
export async function timeTurns(sessions: readonly Session[], samples: SampleInputs): Promise<number[]> {
  const least = sessions.map(() => Infinity)
  const startedAt = performance.now()
  do {
    for (const [index, session] of sessions.entries()) {
      least[index] = Math.min(least[index] ?? Infinity, await timeRow(session, samples))
    }
    // What takes less was repeated already.
  } while (Math.max(...least) > REPEAT_MS && performance.now() - startedAt < TURNS_MS)
  return least
}

/**
 * Times of 1, 2, 4 ... rows up to `most`, as long as larger ones may pay and time is left. Each is taken twice with the
 * others between, so that what disturbs one for a while does not decide.
 */
export async function timeSizes(
  session: Session,
  samples: SampleInputs,
  { most, budgetMs }: { readonly most: number; readonly budgetMs: number },
): Promise<RunTime[]> {
  const startedAt = performance.now()
  const hasTime = (nextMs: number) => performance.now() - startedAt + nextMs <= budgetMs
  const times: RunTime[] = []
  for (let size = 1; ; size = Math.min(size * 2, most)) {
    const time = await timeRun(session, samples, size)
    if (time === undefined) break
    times.push(time)
    if (size >= most || !hasTime(2 * time.ms * LEAST_RUNS) || !mayPay(times)) break
  }
  for (const [index, { size, ms }] of times.entries()) {
    if (!hasTime(ms * LEAST_RUNS)) break
    const again = await timeRun(session, samples, size)
    if (again !== undefined && again.ms < ms) times[index] = again
  }
  return atMostAsLarger(times)
}

/** Fewer rows take no longer than more do: where they seem to, something else ran. */
function atMostAsLarger(times: readonly RunTime[]): RunTime[] {
  let least = Infinity
  return times
    .toReversed()
    .map(({ size, ms }) => ({ size, ms: (least = Math.min(least, ms)) }))
    .toReversed()
}

/** The most numbers that are worth writing as JSON. */
const MOST_NUMBERS = 50_000

/** The body of a request for one row, as `base_handler` reads it; undefined where it cannot be made up. */
export function sampleBody(graph: GraphInfo): string | undefined {
  if (!canMakeUp(graph)) return undefined
  const inputs = new Map(graph.inputs.map(({ name, shape }) => [name, shape.map(toSize)]))
  const numbers = [...inputs.values()].reduce((sum, dims) => sum + elementCount(dims), 0)
  if (numbers > MOST_NUMBERS) return undefined
  const lists = [...inputs].map(([name, dims]) => [name, onesOf(dims)] as const)
  const [only, ...others] = lists
  return JSON.stringify(others.length === 0 ? only?.[1] : Object.fromEntries(lists))
}

const toSize = (size: number | string, axis: number) =>
  typeof size === 'number' ? size : axis === 0 ? 1 : TOKENS

function onesOf([size, ...rest]: readonly number[]): unknown {
  return size === undefined ? 1 : Array.from({ length: size }, () => onesOf(rest))
}

async function runs(session: Session, inputs: Tensors): Promise<boolean> {
  return session.run(inputs).then(
    () => true,
    () => false,
  )
}
