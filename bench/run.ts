/**
 * `npm run bench -- [NAME...]`: runs the named benchmarks, or all; progress goes to standard error. USAGE, below, has
 * the options.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bench as hop } from './hop.ts'
import { bench as importing } from './import.ts'
import { bench as http } from './http.ts'
import { bench as kills } from './kills.ts'
import { bench as latency } from './latency.ts'
import { bench as openLoop } from './open-loop.ts'
import { bench as overload } from './overload.ts'
import { bench as saturated } from './saturated.ts'
import { bench as start } from './start.ts'
import { bench as telemetry } from './telemetry.ts'
import { bench as transports } from './transports.ts'
import { bench as workers } from './workers.ts'
import { parseRival } from './support/doors.ts'
import { cleanUpOnSignals } from './support/interruption.ts'
import { describeMachine, showMachine } from './support/machine.ts'
import { buildProgram } from './support/program.ts'
import { showMarkdown, showTable } from './support/table.ts'
import type { Bench, BenchOptions, Report, Table } from './support/bench.ts'

const BENCHES: Readonly<Record<string, Bench>> = {
  http,
  latency,
  saturated,
  'open-loop': openLoop,
  overload,
  kills,
  workers,
  start,
  telemetry,
  transports,
  hop,
  import: importing,
}

const USAGE = `npm run bench -- [NAME...] [options]

Names: ${Object.keys(BENCHES).join(', ')}; none or "all": all of them.

  --quick             one short round: shows that it works, its figures mean nothing
  --long              more and longer rounds
  --json              plain data in place of tables
  --out FOLDER        also writes FOLDER/benchmarks.json and FOLDER/benchmarks.md
  --against URL       another server to measure (http, latency): http://host:port for TorchServe's API, or with a path
                      such as /v2/models/{model}/infer; it has to serve the same models, fraud and digits
  --against-pid PID   its process, for its processor time and memory
  --p99 MS            the p99 that is still good (open-loop)
  --seconds N         how long workers are killed (kills)`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    long: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
    out: { type: 'string' },
    against: { type: 'string' },
    'against-pid': { type: 'string' },
    p99: { type: 'string' },
    seconds: { type: 'string' },
  },
})

if (values.help) {
  console.log(USAGE)
  process.exit(0)
}

const chosen = chooseBenches()
cleanUpOnSignals()
const options = readOptions()
const machine = describeMachine()
const header = showMachine(machine)
if (options.length !== 'quick') buildProgram()
const reports: unknown[] = []
const documents: string[] = []
if (!values.json) console.log(`${header}\n`)
for (const { name, bench } of chosen) {
  const startedAt = performance.now()
  const report = await bench.run(options)
  const seconds = Math.round((performance.now() - startedAt) / 1000)
  options.say(`${name}: done in ${seconds} s`)
  const { question, against } = bench
  reports.push({ name, question, against, seconds, notes: report.notes, results: report.results })
  documents.push(`## ${name}: ${show(bench, report, showMarkdown)}`)
  if (!values.json) console.log(`# ${show(bench, report, showTable)}\n`)
}
const measured = { measuredAt: new Date().toISOString(), machine, length: options.length, reports }
if (values.json) console.log(JSON.stringify(measured, null, 2))
if (values.out !== undefined) await writeOut(values.out)

function chooseBenches() {
  const names = positionals.length === 0 || positionals.includes('all') ? Object.keys(BENCHES) : positionals
  return names.map(name => {
    const found = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined
    if (found !== undefined) return { name, bench: found }
    return refuse(`There is no benchmark "${name}"; there are ${Object.keys(BENCHES).join(', ')}.`)
  })
}

function readOptions(): BenchOptions {
  try {
    return {
      length: values.quick ? 'quick' : values.long ? 'long' : 'medium',
      rival: values.against === undefined ? undefined : parseRival(values.against, values['against-pid']),
      p99Ms: readNumber('--p99', values.p99),
      seconds: readNumber('--seconds', values.seconds),
      say: line => console.error(line),
    }
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

function readNumber(flag: string, text: string | undefined): number | undefined {
  if (text === undefined || Number(text) > 0) return text === undefined ? undefined : Number(text)
  throw new Error(`${flag}: expected a number above zero, got "${text}"`)
}

function refuse(why: string): never {
  console.error(why)
  process.exit(2)
}

function show(
  { question, against }: Bench,
  { tables, notes }: Report,
  toText: (table: Table) => string,
): string {
  const warning =
    options.length === 'quick' ? ['A quick run shows that it works; its figures mean nothing.'] : []
  const paragraphs = [question, `Measured against ${against}.`, ...tables.map(toText)]
  return [...paragraphs, [...warning, ...notes].join('\n')].join('\n\n')
}

async function writeOut(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'benchmarks.json'), JSON.stringify(measured, null, 2))
  const head = `Measured at ${measured.measuredAt}, ${options.length}.\n\n${header}`
  await writeFile(join(folder, 'benchmarks.md'), [head, ...documents, ''].join('\n\n'))
}
