/**
 * Registers, scales, switches and unregisters at random while clients predict. No prediction may fail except on a
 * model that is not there, and at the end there is nothing but what is registered.
 */
import { freshTmpdir } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'
import { Random } from './random.ts'
import { ServerProcess } from './server-process.ts'
import { archiveOf, makeStressStore } from './store.ts'

const NAMES = ['ash', 'birch', 'cedar'] as const
const VERSIONS = ['1', '2', '3'] as const
const OPERATORS = 3
const CLIENTS = 6

interface Things {
  readonly models: number
  readonly workers: number
  readonly unpacked: number
}

export interface ChurnReport {
  /** How often each answer came, by request and status. */
  readonly operations: Readonly<Record<string, number>>
  readonly predictions: Readonly<Record<string, number>>
  /** Answers that should not have been. */
  readonly failures: readonly string[]
  /** What was there at the end, and what should have been: what the registered models have. */
  readonly end: Things
  readonly expected: Things
  /** Models at the end by the answers: what was registered and not unregistered. */
  readonly modelsByAnswers: number
  /** Of the server, after everything was unregistered and it was told to stop. */
  readonly after: { readonly workers: number; readonly unpacked: number; readonly exitCode: number | null }
  readonly errorLines: readonly string[]
}

export async function churn({ ms, seed }: { ms: number; seed: number }): Promise<ChurnReport> {
  const tmp = await freshTmpdir()
  const store = await makeStressStore(NAMES, VERSIONS)
  const server = await ServerProcess.start(store.dir, tmp.dir)
  const tally = new Tally()
  const random = new Random(seed)
  try {
    const over = AbortSignal.timeout(ms)
    await Promise.all([
      ...Array.from({ length: OPERATORS }, () => operate(server, random, { tally, over })),
      ...Array.from({ length: CLIENTS }, () => predict(server, random, { tally, over })),
    ])
    const { end, expected } = await settle(server)
    await unregisterAll(server)
    const after = { workers: server.workers().length, unpacked: (await server.unpacked()).length }
    const exitCode = await server.stop()
    return {
      ...tally.report(),
      end,
      expected,
      modelsByAnswers: tally.models(),
      after: { ...after, exitCode },
      errorLines: server.errors,
    }
  } finally {
    await server.stop()
    await store.remove()
    await tmp.remove()
  }
}

class Tally {
  readonly #operations = new Map<string, number>()
  readonly #predictions = new Map<string, number>()
  readonly #failures: string[] = []

  operation(what: string): void {
    this.#operations.set(what, (this.#operations.get(what) ?? 0) + 1)
  }

  prediction(what: string): void {
    this.#predictions.set(what, (this.#predictions.get(what) ?? 0) + 1)
  }

  failure(text: string): void {
    this.#failures.push(text)
  }

  /** Every registration that was taken is there until its model is unregistered, also under it while it loads (500). */
  models(): number {
    const count = (what: string) => this.#operations.get(what) ?? 0
    const taken = count('register 200') + count('register 202') + count('register 500')
    return taken - count('unregister 200')
  }

  report(): Pick<ChurnReport, 'operations' | 'predictions' | 'failures'> {
    return {
      operations: Object.fromEntries([...this.#operations].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      predictions: Object.fromEntries([...this.#predictions].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      failures: this.#failures,
    }
  }
}

interface Round {
  readonly tally: Tally
  readonly over: AbortSignal
}

/** What an operation may be answered: done, done by another one before, or its model went away under it. */
const FINE = new Set([200, 202, 403, 404, 409])
const GONE_UNDER_IT = /The worker was stopped|The worker was ended/

async function operate(server: ServerProcess, random: Random, { tally, over }: Round): Promise<void> {
  while (!over.aborted) {
    const { kind, method, path } = chooseOperation(random)
    const response = await fetch(server.management + path, { method })
    const text = await response.text()
    tally.operation(`${kind} ${response.status}`)
    const isFine = FINE.has(response.status) || (response.status === 500 && GONE_UNDER_IT.test(text))
    if (!isFine) tally.failure(`${method} ${path}: ${response.status} ${text}`)
  }
}

function chooseOperation(random: Random): { kind: string; method: string; path: string } {
  const name = random.of(NAMES)
  const version = random.of(VERSIONS)
  const path = `/models/${name}/${version}`
  const synchronous = random.below(2) === 0
  const workers = 1 + random.below(2)
  switch (random.below(5)) {
    case 0:
    case 1: {
      const more = `initial_workers=${workers}&synchronous=${synchronous}`
      const url = `/models?url=${archiveOf(name, version)}&${more}`
      return { kind: 'register', method: 'POST', path: url }
    }
    case 2: {
      const more = `min_worker=${workers}&synchronous=${synchronous}`
      return { kind: 'scale', method: 'PUT', path: `${path}?${more}` }
    }
    case 3:
      return { kind: 'switch', method: 'PUT', path: `${path}/set-default` }
    default:
      return { kind: 'unregister', method: 'DELETE', path }
  }
}

async function predict(server: ServerProcess, random: Random, { tally, over }: Round): Promise<void> {
  while (!over.aborted) {
    const name = random.of(NAMES)
    const version = random.of([undefined, ...VERSIONS])
    const path = version === undefined ? name : `${name}/${version}`
    const response = await fetch(`${server.inference}/predictions/${path}`, { method: 'POST', body: 'x' })
    const text = await response.text()
    tally.prediction(String(response.status))
    const isRight =
      response.status === 404 || (response.status === 200 && text.startsWith(`${name} ${version ?? ''}`))
    if (!isRight) tally.failure(`${path}: ${response.status} ${text}`)
  }
}

interface DescribedWorkers {
  readonly workers: readonly { readonly pid: number; readonly state: string }[]
}

/** Waits until each registered model has its workers, and compares them with what the system has. */
async function settle(server: ServerProcess): Promise<Pick<ChurnReport, 'end' | 'expected'>> {
  const described = await waitFor(
    'every worker to be ready',
    async () => {
      const models = await describeAll(server)
      return models.flatMap(({ workers }) => workers).every(({ state }) => state === 'ready') && models
    },
    60_000,
  )
  const pids = described.flatMap(({ workers }) => workers.map(({ pid }) => pid)).toSorted((a, b) => a - b)
  // Workers that were told to end are gone when they are collected.
  await waitFor(
    'only workers of registered models',
    () => String(server.workers().toSorted((a, b) => a - b)) === String(pids),
  ).catch(() => {})
  return {
    end: {
      models: described.length,
      workers: server.workers().length,
      unpacked: (await server.unpacked()).length,
    },
    expected: { models: described.length, workers: pids.length, unpacked: described.length },
  }
}

async function describeAll(server: ServerProcess): Promise<DescribedWorkers[]> {
  const models: DescribedWorkers[] = []
  for (const name of NAMES) {
    const response = await fetch(`${server.management}/models/${name}/all`)
    if (response.ok) models.push(...((await response.json()) as DescribedWorkers[]))
    else await response.text()
  }
  return models
}

async function unregisterAll(server: ServerProcess): Promise<void> {
  // The default version goes last, whichever it is.
  for (let round = 0; round < VERSIONS.length; round++) {
    for (const name of NAMES) {
      for (const version of VERSIONS) {
        const response = await fetch(`${server.management}/models/${name}/${version}`, { method: 'DELETE' })
        await response.text()
      }
    }
  }
}
