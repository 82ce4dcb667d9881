import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const program = fileURLToPath(new URL('../../bench/run.ts', import.meta.url))
const NAMES = [
  'http',
  'latency',
  'saturated',
  'open-loop',
  'overload',
  'kills',
  'workers',
  'start',
  'telemetry',
  'transports',
  'hop',
  'import',
]
/** All of them, one after the other, each with servers of its own. */
const ALL_MS = 300_000

let folder: string
let printed: { machine: { cores: number }; reports: { name: string; results: never }[] }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bench-test-'))
  const child = spawn(process.execPath, [program, '--quick', '--json', '--out', folder, 'all'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [output, [status]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  if (status !== 0) throw new Error(`The run ended with ${status}`)
  printed = JSON.parse(output)
}, ALL_MS)

afterAll(() => rm(folder, { recursive: true, force: true }))

function resultsOf(name: string): never {
  const found = printed.reports.find(report => report.name === name)
  if (found === undefined) throw new Error(`There is no report of ${name}`)
  return found.results
}

test('a run of all benchmarks has a report of each, and the machine', () => {
  expect(printed.reports.map(({ name }) => name)).toEqual(NAMES)
  expect(printed.machine.cores).toBeGreaterThan(0)
})

test('the same is in a file as data and in one as tables', async () => {
  expect(JSON.parse(await readFile(join(folder, 'benchmarks.json'), 'utf8'))).toEqual(printed)
  const page = await readFile(join(folder, 'benchmarks.md'), 'utf8')
  for (const name of NAMES) expect(page).toContain(`## ${name}: `)
})

test('over HTTP each model has ratios to the echo, and the processor time of server and workers', () => {
  const { cases, peaks }: { cases: Record<string, never>[]; peaks: { peakMb: number }[] } = resultsOf('http')
  expect(cases.map(({ name }) => name)).toEqual(['fraud', 'fraud_batched', 'digits'])
  for (const one of cases) expect(one).toHaveProperty('perSecond.ratio.median', expect.any(Number))
  for (const { peakMb } of peaks) expect(peakMb).toBeGreaterThan(10)
})

test('what is saturated is compared with bare loops of tensors and of images', () => {
  const results: { content: string; perSecond: { own: number } }[] = resultsOf('saturated')
  expect(results.map(({ content }) => content)).toEqual(['binary tensor', 'binary tensor', 'JPEG', 'JPEG'])
  for (const { perSecond } of results) expect(perSecond.own).toBeGreaterThan(0)
})

test('an open loop gives the capacity, times at 80 % of it and goodput at 120 %', () => {
  const results: { capacity: number; at80: { p50Us: number }; at120: object }[] = resultsOf('open-loop')
  expect(results).toHaveLength(2)
  for (const { capacity, at80, at120 } of results) {
    expect(capacity).toBeGreaterThan(0)
    expect(at80.p50Us).toBeGreaterThan(0)
    expect(at120).toHaveProperty('goodput.median', expect.any(Number))
  }
})

test('overload is refused with 503 and with nothing else', () => {
  const { refusedPerSecond, otherFailures }: Record<string, number> = resultsOf('overload')
  expect(refusedPerSecond).toBeGreaterThan(0)
  expect(otherFailures).toBe(0)
})

test('workers are killed under load, and the requests that fail are counted', () => {
  const { kills, models }: { kills: number; models: { withKills: { count: number } }[] } = resultsOf('kills')
  expect(kills).toBeGreaterThan(0)
  for (const { withKills } of models) expect(withKills.count).toBeGreaterThan(0)
})

test('a further worker has its memory, a dead one the time until it was replaced', () => {
  const { sconce, replacedMs }: { sconce: { extraMb: number }; replacedMs: { median: number } } =
    resultsOf('workers')
  expect(sconce.extraMb).toBeGreaterThan(0)
  expect(replacedMs.median).toBeGreaterThan(0)
})

test('every transport carries every tensor', () => {
  const results: { tensor: string; transport: string }[] = resultsOf('transports')
  for (const tensor of ['1 float', '600 kB', 'tabular']) {
    const transports = results.filter(one => one.tensor === tensor).map(({ transport }) => transport)
    expect(transports).toEqual(['REST, JSON', 'REST, binary', 'gRPC, raw', 'gRPC, typed'])
  }
})

test('the hop has a ratio for each size', () => {
  const results: { perSecond: { ratio: { median: number } } }[] = resultsOf('hop')
  expect(results).toHaveLength(2)
  for (const { perSecond } of results) expect(perSecond.ratio.median).toBeGreaterThan(0)
})

test.for<[string, string]>([
  ['hopp', `There is no benchmark "hopp"; there are ${NAMES.join(', ')}.\n`],
  ['--against=example.com', '--against: expected http://host:port[/path], got "example.com"\n'],
  ['--p99=soon', '--p99: expected a number above zero, got "soon"\n'],
])('%s is refused with what was expected', ([argument, answer]) => {
  const { stderr, status } = spawnSync(process.execPath, [program, argument], { encoding: 'utf8' })

  expect(stderr).toBe(answer)
  expect(status).toBe(2)
})
