import { byLength, type Bench, type BenchOptions, type Report } from './support/bench.ts'
import { cpuPerRequest, type CpuPerRequest } from './support/cpu.ts'
import { figureCells, figureColumns, figureResults, type Figure } from './support/figures.ts'
import { startLoadGenerator, type LoadGenerator, type LoadResult } from './support/load.ts'
import { FILES, FRAUD } from './support/models.ts'
import { measureRounds, ROUNDS_NOTE } from './support/rounds.ts'
import { withRunning } from './support/running.ts'
import { startCollector, startQuietSconce, startSconceWith, type RunningServer } from './support/servers.ts'

const ROUNDS = 11
const CONNECTIONS = 32
const BLOCK_MS = { quick: 200, medium: 2000, long: 3000 }

const [ON, OFF, AGAIN] = ['on', 'off', 'off (again)']
const NOTHING = ['enable_metrics_api=false', 'disable_system_metrics=true']

export const bench: Bench = {
  question: 'What do metrics, the access log and traces of 1 % of the requests cost?',
  against:
    `the same server with them off, measured in turns; a third server, off as well, shows how far the same can be ` +
    `from the same. Tabular model, JSON, ${CONNECTIONS} in flight; medians within each round (lowest..highest)`,
  run: options =>
    withRunning(async keep => {
      const collector = keep(await startCollector())
      const setup = { store: [FILES.fraudModel], length: options.length }
      const otlp = `otlp_endpoint=http://127.0.0.1:${collector.port}`
      const tracing = ['load_models=all', 'tracing=otlp', otlp, 'tracing_sample_ratio=0.01']
      const servers = new Map<string, RunningServer>()
      servers.set(ON, keep(await startSconceWith({ ...setup, settings: tracing })))
      for (const name of [OFF, AGAIN]) {
        servers.set(
          name,
          keep(await startQuietSconce({ ...setup, settings: ['load_models=all', ...NOTHING] })),
        )
      }
      return measureAll(servers, keep(startLoadGenerator()), options)
    }),
}

type Block = LoadResult & CpuPerRequest

const FIGURES: readonly Figure<Block>[] = [
  { key: 'cpuUs', title: 'cpu us', digits: 1, compare: 'difference', of: block => block.cpuUs },
  { key: 'serverUs', title: 'server us', digits: 1, compare: 'difference', of: block => block.serverUs },
  { key: 'cpuRatio', title: 'cpu us', digits: 1, of: block => block.cpuUs },
  { key: 'perSecond', title: 'requests/s', of: block => block.perSecond },
]

async function measureAll(
  servers: ReadonlyMap<string, RunningServer>,
  load: LoadGenerator,
  options: BenchOptions,
): Promise<Report> {
  const measure = async (name: string): Promise<Block> => {
    const { port = 0, pid } = servers.get(name) ?? {}
    const { contentType, body } = FRAUD
    const request = { port, path: '/predictions/fraud', contentType, body }
    const arrivals = { kind: 'closed', connections: CONNECTIONS } as const
    return cpuPerRequest(pid, () => load.run({ request, arrivals, durationMs: byLength(options, BLOCK_MS) }))
  }
  const names = [...servers.keys()]
  for (const name of names) await measure(name)
  const measured = await measureRounds({ ...options, title: 'telemetry', names, rounds: ROUNDS, measure })
  const pairs = names.map(name => ({ name, reference: OFF }))
  const rows = pairs.map(pair => [pair.name, ...figureCells(measured, FIGURES, pair)])
  return {
    tables: [
      { title: 'Processor time per request', columns: ['telemetry', ...figureColumns(FIGURES)], rows },
    ],
    notes: [
      'on: the defaults (metrics served, a line of access log per request) and one request in a hundred traced to a ' +
        'collector by OTLP. off: no metrics port, the log from warnings on, no traces. + is the difference in microseconds.',
      ROUNDS_NOTE,
    ],
    results: pairs.filter(({ name }) => name !== OFF).map(pair => figureResults(measured, FIGURES, pair)),
  }
}
