/**
 * Mixed traffic for as long as is asked: predictions that work and that do not, clients that leave, models that come
 * and go. What the server holds should be the same at the end as after the first third.
 */
import { Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { freshTmpdir } from '../support/server.ts'
import { SMALL_HEAP, slope } from './memory.ts'
import { ServerProcess } from './server-process.ts'
import { archiveOf, makeStressStore } from './store.ts'

/** The least of so many samples counts: what is above it is garbage that will be collected. */
const SAMPLES_PER_POINT = 15
const LEAVE_AFTER_MS = 5

interface Holding {
  readonly rssKb: number
  readonly heapKb: number
  readonly openFiles: number
}

export interface SoakReport {
  readonly samples: readonly Holding[]
  /** Of the least of each quarter of a minute after the first third, per minute. */
  readonly slopes: Holding
  /** How often each answer came. */
  readonly answers: Readonly<Record<string, number>>
  /** Answers that should not have been. */
  readonly failures: readonly string[]
}

interface Work {
  readonly server: ServerProcess
  readonly agent: Agent
  readonly over: AbortSignal
  readonly answers: Map<string, number>
  readonly failures: string[]
}

export async function soak({ ms, sampleMs = 1000 }: { ms: number; sampleMs?: number }): Promise<SoakReport> {
  const tmp = await freshTmpdir()
  const store = await makeStressStore(['stays', 'comes'], ['1'])
  const server = await ServerProcess.start(store.dir, tmp.dir, SMALL_HEAP)
  const agent = new Agent({ keepAlive: true })
  const work: Work = { server, agent, over: AbortSignal.timeout(ms), answers: new Map(), failures: [] }
  const samples: Holding[] = []
  try {
    await register(work, 'stays')
    await Promise.all([
      repeat(work, () => predict(work)),
      repeat(work, () => predict(work)),
      repeat(work, () => mistake(work)),
      repeat(work, () => leave(work)),
      repeat(work, () => comeAndGo(work)),
      sample(work, samples, sampleMs),
    ])
    const { failures, answers } = work
    return { samples, slopes: slopesOf(samples, sampleMs), answers: Object.fromEntries(answers), failures }
  } finally {
    agent.destroy()
    await server.stop()
    await store.remove()
    await tmp.remove()
  }
}

async function repeat({ over }: Work, step: () => Promise<void>): Promise<void> {
  while (!over.aborted) await step()
}

function predict(work: Work): Promise<void> {
  return expect(work, 200, { path: '/predictions/stays', method: 'POST', body: 'x' })
}

const MISTAKES = [
  { status: 404, path: '/predictions/nowhere', method: 'POST', body: 'x' },
  { status: 404, path: '/no/such/path', method: 'GET', body: '' },
  { status: 400, path: '/v2/models/stays/infer', method: 'POST', body: '{"inputs": [' },
  { status: 413, path: '/predictions/stays', method: 'POST', body: 'x'.repeat(7_000_000) },
] as const

async function mistake(work: Work): Promise<void> {
  for (const { status, ...order } of MISTAKES) await expect(work, status, order)
}

/** Sends half of what it announces, and is gone; or all, and does not wait for the answer. */
async function leave({ server, over }: Work): Promise<void> {
  for (const announced of [1, 100_000]) {
    const asked = request(`${server.inference}/predictions/stays`, {
      method: 'POST',
      headers: { 'content-length': announced },
    })
    asked.on('error', () => {})
    asked.write('x')
    await pause(LEAVE_AFTER_MS)
    asked.destroy()
  }
  if (!over.aborted) await pause(LEAVE_AFTER_MS)
}

async function comeAndGo(work: Work): Promise<void> {
  await register(work, 'comes')
  await expect(work, 200, { path: '/predictions/comes', method: 'POST', body: 'x' })
  await expect(work, 200, { path: '/models/comes', method: 'DELETE', body: '' })
}

function register(work: Work, name: string): Promise<void> {
  const query = `url=${archiveOf(name, '1')}&model_name=${name}&initial_workers=1`
  return expect(work, 200, { path: `/models?${query}`, method: 'POST', body: '' })
}

interface Order {
  readonly path: string
  readonly method: string
  readonly body: string
}

async function expect(work: Work, status: number, order: Order): Promise<void> {
  const got = await ask(work, order)
  const what = `${order.method} ${order.path.split('?')[0]} ${got}`
  work.answers.set(what, (work.answers.get(what) ?? 0) + 1)
  if (got !== status) work.failures.push(what)
}

function ask({ server, agent }: Work, { path, method, body }: Order): Promise<number> {
  const origin = path.startsWith('/models') ? server.management : server.inference
  return new Promise((resolve, reject) => {
    const headers = { 'content-length': Buffer.byteLength(body) }
    const asked = request(origin + path, { agent, method, headers }, response => {
      response.resume()
      response.on('end', () => resolve(response.statusCode ?? 0))
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

async function sample({ server, over }: Work, samples: Holding[], sampleMs: number): Promise<void> {
  while (!over.aborted) {
    const page = await (await fetch(`${server.metrics}/metrics`)).text()
    const read = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(page)?.[1])
    samples.push({
      rssKb: read('process_resident_memory_bytes') / 1024,
      heapKb: read('nodejs_heap_size_used_bytes') / 1024,
      openFiles: read('process_open_fds'),
    })
    await pause(sampleMs, undefined, { signal: over }).catch(() => {})
  }
}

function slopesOf(samples: readonly Holding[], sampleMs: number): Holding {
  const later = samples.slice(Math.floor(samples.length / 3))
  const perMinute = (of: (one: Holding) => number) => {
    const points: number[] = []
    for (let at = 0; at + SAMPLES_PER_POINT <= later.length; at += SAMPLES_PER_POINT) {
      points.push(Math.min(...later.slice(at, at + SAMPLES_PER_POINT).map(of)))
    }
    return points.length < 2 ? 0 : (slope(points) * 60_000) / (SAMPLES_PER_POINT * sampleMs)
  }
  return {
    rssKb: perMinute(({ rssKb }) => rssKb),
    heapKb: perMinute(({ heapKb }) => heapKb),
    openFiles: perMinute(({ openFiles }) => openFiles),
  }
}
