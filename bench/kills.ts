import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { byLength, type Bench, type BenchOptions, type Report } from './support/bench.ts'
import { startLoadGenerator, type LoadGenerator, type LoadResult, type Request } from './support/load.ts'
import { readWorkers } from './support/management.ts'
import { DIGITS, FILES, FRAUD } from './support/models.ts'
import { withRunning } from './support/running.ts'
import { startSconceWith, type RunningSconce } from './support/servers.ts'
import { showNumber } from './support/statistics.ts'

const SECONDS = { quick: 2, medium: 20, long: 60 }
const EVERY_MS = 1000
const CONNECTIONS = 8
const WORKERS = Math.max(2, availableParallelism())

export const bench: Bench = {
  question: 'Is a request lost when a worker is killed?',
  against:
    'the same server under the same load for half the time without kills; kill -9 of a random worker each second, ' +
    `two models with ${WORKERS} workers each, ${CONNECTIONS} requests in flight for each (--seconds N sets the time)`,
  run: options =>
    withRunning(async keep => {
      const settings = ['load_models=digits.mar,fraud.onnx', `default_workers_per_model=${WORKERS}`]
      const sconce = keep(
        await startSconceWith({
          store: [FILES.digitsArchive, FILES.fraudModel],
          settings,
          length: options.length,
        }),
      )
      const loads = [FRAUD, DIGITS].map(model => ({
        name: model.name,
        request: {
          port: sconce.port,
          path: `/predictions/${model.name}`,
          contentType: model.contentType,
          body: model.body,
        },
        generator: keep(startLoadGenerator()),
      }))
      return measureAll(sconce, loads, options)
    }),
}

interface Load {
  readonly name: string
  readonly request: Request
  readonly generator: LoadGenerator
}

async function measureAll(
  sconce: RunningSconce,
  loads: readonly Load[],
  options: BenchOptions,
): Promise<Report> {
  const durationMs = 1000 * (options.seconds ?? byLength(options, SECONDS))
  const calm = await runAll(loads, durationMs / 2)
  const stopping = new AbortController()
  const killing = killOften(sconce, {
    models: loads.map(({ name }) => name),
    options,
    signal: stopping.signal,
  })
  const results = await runAll(loads, durationMs)
  stopping.abort()
  const kills = await killing
  const rows = loads.map(({ name }, index) => showLoad(name, results[index], calm[index]))
  const failed = results.reduce((sum, result) => sum + failures(result), 0)
  return {
    tables: [
      {
        title: `${kills} kills in ${durationMs / 1000} s: ${failed} failed requests`,
        columns: [
          'model',
          'requests',
          'failed',
          'requests/s',
          'x',
          'p99 ms',
          'longest ms',
          'longest without kills',
        ],
        rows,
      },
    ],
    notes: results.flatMap(({ firstFailure }, index) =>
      firstFailure === ''
        ? []
        : [`The first failure of ${loads[index]?.name}: ${firstFailure.replaceAll(/\s+/g, ' ')}`],
    ),
    results: {
      kills,
      seconds: durationMs / 1000,
      failed,
      models: loads.map(({ name }, index) => ({ name, withKills: results[index], without: calm[index] })),
    },
  }
}

function runAll(loads: readonly Load[], durationMs: number): Promise<LoadResult[]> {
  const arrivals = { kind: 'closed', connections: CONNECTIONS } as const
  return Promise.all(
    loads.map(({ request, generator }) => generator.run({ request, arrivals, durationMs, isTolerant: true })),
  )
}

interface Killing {
  readonly models: readonly string[]
  readonly options: BenchOptions
  readonly signal: AbortSignal
}

/** Kills a random worker each second until it is told to stop; returns how many there were. */
async function killOften(sconce: RunningSconce, { models, options, signal }: Killing): Promise<number> {
  let kills = 0
  const pause = () => sleep(EVERY_MS, undefined, { signal }).catch(() => {}) // Told to stop, it returns early.
  for (await pause(); !signal.aborted; await pause()) {
    const workers = (await Promise.all(models.map(model => readWorkers(sconce, model)))).flat()
    const alive = workers.filter(({ pid, state }) => pid > 0 && state === 'ready')
    const victim = alive[Math.floor(Math.random() * alive.length)]
    if (victim === undefined) continue
    process.kill(victim.pid, 'SIGKILL')
    options.say(`kills: ${++kills}`)
  }
  return kills
}

function failures({ refused, lost }: LoadResult): number {
  return Object.values(refused).reduce((sum, { count }) => sum + count, lost)
}

function showLoad(name: string, result: LoadResult | undefined, calm: LoadResult | undefined): string[] {
  if (result === undefined || calm === undefined) return [name]
  return [
    name,
    showNumber(result.sent),
    showNumber(failures(result)),
    showNumber(result.perSecond),
    showNumber(result.perSecond / calm.perSecond, 2),
    showNumber(result.p99Us / 1000, 1),
    showNumber(result.maxUs / 1000),
    showNumber(calm.maxUs / 1000),
  ]
}
