/** The processes of a benchmark over HTTP: Sconce, the reference, the load generator, and perhaps a rival. */
import type { BenchOptions } from './bench.ts'
import { cpuPerRequest, type CpuPerRequest } from './cpu.ts'
import { doorFor, type Door } from './doors.ts'
import {
  startLoadGenerator,
  type Arrivals,
  type LoadGenerator,
  type LoadOrder,
  type LoadResult,
  type Request,
} from './load.ts'
import { DIGITS, FRAUD, type BenchModel } from './models.ts'
import { withRunning } from './running.ts'
import { startEcho, startSconce, type RunningSconce, type RunningServer } from './servers.ts'

export interface Parts {
  readonly sconce: RunningSconce
  readonly echo: RunningServer
  readonly load: LoadGenerator
  readonly door: Door
  readonly rival: BenchOptions['rival']
}

export interface Target {
  readonly model: BenchModel
  /** A model's name in Sconce, REFERENCE or RIVAL. */
  readonly name: string
}

export type Block = LoadResult & CpuPerRequest

/** The name of the reference in a round. */
export const REFERENCE = 'echo'
/** The name of the server that `--against` names. */
export const RIVAL = 'against'

/** Starts all, lets `use` work with them, and ends all. */
export function withParts<T>(
  { rival, length }: Pick<BenchOptions, 'rival' | 'length'>,
  use: (parts: Parts) => Promise<T>,
): Promise<T> {
  return withRunning(async keep => {
    const sconce = keep(await startSconce(length))
    const load = keep(startLoadGenerator())
    const door = doorFor(rival)
    const answers = await Promise.all(
      [FRAUD, DIGITS].map(async model => [`/${model.name}`, await answerOf(sconce, door, model)] as const),
    )
    const echo = keep(await startEcho(Object.fromEntries(answers)))
    return use({ sconce, echo, load, door, rival })
  })
}

/** The process that serves a target; undefined where it is not known. */
export function pidOf({ sconce, echo, rival }: Parts, { name }: Target): number | undefined {
  if (name === RIVAL) return rival?.pid
  return name === REFERENCE ? echo.pid : sconce.pid
}

/** One block of load on one of the servers. */
export async function runLoad(
  parts: Parts,
  target: Target,
  order: Omit<LoadOrder, 'request'>,
): Promise<Block> {
  const request = await requestFor(parts, target)
  return cpuPerRequest(pidOf(parts, target), () => parts.load.run({ request, ...order }))
}

export function closed(connections: number): Arrivals {
  return { kind: 'closed', connections }
}

async function requestFor({ sconce, echo, door, rival }: Parts, { model, name }: Target): Promise<Request> {
  const content = await door.requestOf(model)
  if (name === REFERENCE) return { ...content, port: echo.port, path: `/${model.name}` }
  if (name !== RIVAL) return { ...content, port: sconce.port, path: door.path.replace('{model}', name) }
  if (rival === undefined) throw new Error('A target called against needs a server that was named')
  const url = new URL(rival.url)
  const path = decodeURI(url.pathname).replace('{model}', model.name)
  return { ...content, host: url.hostname, port: Number(url.port || 80), path }
}

async function answerOf({ port }: RunningServer, door: Door, model: BenchModel): Promise<string> {
  const { contentType, body } = await door.requestOf(model)
  const response = await fetch(`http://127.0.0.1:${port}${door.path.replace('{model}', model.name)}`, {
    method: 'POST',
    headers: { 'content-type': contentType },
    // fetch takes views of plain buffers only.
    body: Uint8Array.from(body),
  })
  if (!response.ok) throw new Error(`${model.name} answered ${response.status}: ${await response.text()}`)
  return response.text()
}
