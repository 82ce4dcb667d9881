import { setTimeout as sleep } from 'node:timers/promises'
import type { RunningSconce } from './servers.ts'
import { median } from './statistics.ts'

export interface WorkerView {
  readonly id: string
  readonly pid: number
  readonly state: string
}

/** What the management API says of a model's workers. */
export async function readWorkers(
  { management }: RunningSconce,
  model: string,
): Promise<readonly WorkerView[]> {
  const response = await fetch(`${management}/models/${model}`)
  if (!response.ok) throw new Error(`The model ${model} cannot be described: ${await response.text()}`)
  const [described] = (await response.json()) as { workers: WorkerView[] }[]
  return described?.workers ?? []
}

/** Returns when so many workers are up: the milliseconds it took. */
export async function scaleTo(
  { management }: RunningSconce,
  model: string,
  workers: number,
): Promise<number> {
  const startedAt = performance.now()
  const query = `min_worker=${workers}&max_worker=${workers}&synchronous=true`
  const response = await fetch(`${management}/models/${model}?${query}`, { method: 'PUT' })
  if (!response.ok) throw new Error(`The model ${model} cannot be scaled: ${await response.text()}`)
  await response.text()
  return performance.now() - startedAt
}

/** Between two looks at a worker that starts. */
const POLL_MS = 4

/** A pool that never gets well again must not hold the benchmark for ever. */
const HEAL_TIMEOUT_MS = 30_000

export interface Replacement {
  /** Until the management API no longer calls the dead worker ready. */
  readonly noticedMs: number
  /** Until as many workers as before are ready. */
  readonly readyMs: number
}

/** Kills one worker as the kernel would, and watches the management API until it has been replaced. */
export async function killAndWatch(sconce: RunningSconce, model: string): Promise<Replacement> {
  const before = await readWorkers(sconce, model)
  const victim = before[0]?.pid
  if (victim === undefined) throw new Error(`The model ${model} has no worker`)
  const readMs = await costOfReading(sconce, model)
  const killedAt = performance.now()
  process.kill(victim, 'SIGKILL')
  let noticedMs: number | undefined
  for (;;) {
    const ready = (await readWorkers(sconce, model)).filter(({ state }) => state === 'ready')
    const ms = performance.now() - killedAt - readMs
    const isNoticed = ready.every(({ pid }) => pid !== victim)
    if (isNoticed) noticedMs ??= ms
    // Asking without pause would take one of the cores from the worker that starts.
    if (noticedMs !== undefined) await sleep(POLL_MS)
    if (noticedMs !== undefined && ready.length === before.length) return { noticedMs, readyMs: ms }
    if (ms > HEAL_TIMEOUT_MS)
      throw new Error(`A worker of ${model} was not replaced in ${HEAL_TIMEOUT_MS / 1000} s`)
  }
}

/** The half of a look, which the answer needs to come here. */
async function costOfReading(sconce: RunningSconce, model: string): Promise<number> {
  const times: number[] = []
  for (let count = 0; count < 5; count++) {
    const startedAt = performance.now()
    await readWorkers(sconce, model)
    times.push((performance.now() - startedAt) / 2)
  }
  return median(times)
}
