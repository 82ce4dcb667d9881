import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import type { Bench, BenchOptions, Report } from './support/bench.ts'
import { freePort } from './support/free-port.ts'
import { withFolder } from './support/folder.ts'
import { endWithUs } from './support/interruption.ts'
import { DIGITS, FILES } from './support/models.ts'
import { programOf, ROOT } from './support/program.ts'
import { measureRounds, pick, ratios, ROUNDS_NOTE, showRounds } from './support/rounds.ts'
import { median, showNumber, showSpread, spread } from './support/statistics.ts'

const ROUNDS = 15
const POLL_MS = 3
const LATEST_MS = 60_000
const SCONCE = 'sconce, first answer'
const NODE = 'node -e 0'
const SESSION = 'onnxruntime, session'

export const bench: Bench = {
  question: 'How long does it take from nothing to the first answer of the sample model?',
  against:
    'a bare start of Node.js, and one that loads onnxruntime-node and opens the same model; one after the other in ' +
    'turns, medians of the ratios within each round (lowest..highest)',
  run(options): Promise<Report> {
    return withFolder(async store => {
      await cp(FILES.digitsArchive.path, join(store, 'digits.mar'))
      return measureAll(store, options)
    })
  },
}

async function measureAll(store: string, options: BenchOptions): Promise<Report> {
  const ways: Readonly<Record<string, () => Promise<number>>> = {
    [NODE]: () => timeProgram(['-e', '0']),
    [SESSION]: () => timeProgram(['-e', openSession(DIGITS.file)], ROOT),
    [SCONCE]: () => timeFirstAnswer(programOf(options.length), store),
  }
  const names = Object.keys(ways)
  for (const way of Object.values(ways)) await way() // From then on the files are in memory, and compiled code is kept.
  const measure = (name: string) => ways[name]?.() ?? Promise.reject(new Error(`No way ${name}`))
  const rounds = await measureRounds({ ...options, title: 'start', names, rounds: ROUNDS, measure })
  const own = (ms: number) => ms
  const rows = names.map(name => [
    name,
    showNumber(median(pick(rounds, name, own))),
    ...[NODE, SESSION].map(reference => showSpread(spread(ratios(rounds, [name, reference], own)))),
    showRounds(rounds),
  ])
  const columns = ['what', 'ms', `x ${NODE}`, `x ${SESSION}`, 'rounds']
  const notes = [ROUNDS_NOTE]
  const results = names.map(name => ({ name, ms: median(pick(rounds, name, own)) }))
  return { tables: [{ title: 'Milliseconds from the start of the process', columns, rows }], notes, results }
}

const openSession = (file: string) =>
  `require('onnxruntime-node').InferenceSession.create(${JSON.stringify(file)}).then(() => process.exit())`

function timeProgram(args: readonly string[], cwd = tmpdir()): Promise<number> {
  const startedAt = performance.now()
  const { status, stderr } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`A reference ended with ${status}: ${stderr}`)
  return Promise.resolve(performance.now() - startedAt)
}

async function timeFirstAnswer(program: string, store: string): Promise<number> {
  const port = await freePort()
  const args = ['start', '--model-store', store, '--models', 'digits.mar', '--ncs', '--log-level', 'error']
  const addresses = ['--management-address', '--metrics-address'].flatMap(flag => [
    flag,
    'http://127.0.0.1:0',
  ])
  const grpc = ['--grpc-inference-port', '0', '--grpc-management-port', '0']
  const own = ['--inference-address', `http://127.0.0.1:${port}`, '--default-workers-per-model', '1']
  const startedAt = performance.now()
  const flags = [...args, ...addresses, ...grpc, ...own]
  const child = endWithUs(spawn(process.execPath, [program, ...flags], { stdio: 'ignore' }))
  const ended = once(child, 'exit')
  try {
    await firstAnswer(child, `http://127.0.0.1:${port}/predictions/digits`, startedAt)
    return performance.now() - startedAt
  } finally {
    child.kill()
    await ended
  }
}

async function firstAnswer(child: ChildProcess, url: string, startedAt: number): Promise<void> {
  while (performance.now() - startedAt < LATEST_MS && child.exitCode === null) {
    const response = await fetch(url, { method: 'POST', body: DIGITS.body }).catch(() => undefined)
    if (response?.ok === true) return void (await response.arrayBuffer())
    if (response !== undefined) throw new Error(`The first answer was ${response.status}`)
    await pause(POLL_MS) // It does not listen yet.
  }
  throw new Error('A server ended, or did not answer in time')
}
