/** `npm run bench -- [NAME...] [--json] [--quick]`: runs the named benchmarks, or all; progress goes to standard error. */
import { parseArgs } from 'node:util'
import { bench as grpc } from './grpc.ts'
import { bench as hop } from './hop.ts'
import { bench as importing } from './import.ts'
import { bench as http } from './http.ts'
import { bench as latency } from './latency.ts'
import { bench as oip } from './oip.ts'
import { describeMachine, showMachine } from './support/machine.ts'
import { showTable } from './support/table.ts'
import type { Bench, BenchOptions, Report } from './support/bench.ts'

const BENCHES: Readonly<Record<string, Bench>> = { http, latency, hop, oip, grpc, import: importing }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
})
const chosen = (positionals.length === 0 ? Object.keys(BENCHES) : positionals).map(name => {
  const found = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined
  if (found !== undefined) return { name, bench: found }
  console.error(`There is no benchmark "${name}"; there are ${Object.keys(BENCHES).join(', ')}.`)
  process.exit(2)
})

const options: BenchOptions = { isQuick: values.quick, say: line => console.error(line) }
const machine = describeMachine()
const reports: unknown[] = []
if (!values.json) console.log(`${showMachine(machine)}\n`)
for (const { name, bench } of chosen) {
  const report = await bench.run(options)
  if (values.json) reports.push({ name, ...introduce(bench), notes: report.notes, results: report.results })
  else console.log(`${showReport(bench, report)}\n`)
}
if (values.json) console.log(JSON.stringify({ machine, isQuick: values.quick, reports }, null, 2))

function introduce({ question, against }: Bench) {
  return { question, against }
}

function showReport({ question, against }: Bench, { tables, notes }: Report): string {
  const warning = values.quick ? ['A quick run shows that it works; its figures mean nothing.'] : []
  return [
    `# ${question}`,
    `Measured against ${against}.`,
    ...tables.map(showTable),
    [...warning, ...notes].join('\n'),
  ].join('\n\n')
}
