/** The processes of a benchmark over HTTP: Sconce, the reference, the load generator. */
import { startLoadGenerator, type LoadGenerator, type LoadResult } from './load.ts'
import { DIGITS, FRAUD, type BenchModel } from './models.ts'
import { startEcho, startSconce, type RunningServer } from './servers.ts'

export interface Parts {
  readonly sconce: RunningServer
  readonly echo: RunningServer
  readonly load: LoadGenerator
}

export interface Target {
  readonly model: BenchModel
  /** A model's name in Sconce, or REFERENCE. */
  readonly name: string
  readonly connections: number
}

/** The name of the reference in a round. */
export const REFERENCE = 'echo'

/** Starts all, lets `use` work with them, and ends all. */
export async function withParts<T>(use: (parts: Parts) => Promise<T>): Promise<T> {
  const sconce = await startSconce()
  const load = startLoadGenerator()
  let echo: RunningServer | undefined
  try {
    echo = await startEcho({
      '/fraud': await answerOf(sconce, FRAUD),
      '/digits': await answerOf(sconce, DIGITS),
    })
    return await use({ sconce, echo, load })
  } finally {
    load.stop()
    await Promise.all([sconce.stop(), echo?.stop()])
  }
}

export function serverOf(parts: Parts, { name }: Target): RunningServer {
  return name === REFERENCE ? parts.echo : parts.sconce
}

/** One block of load on one of the two servers. */
export function runLoad(parts: Parts, target: Target, durationMs: number): Promise<LoadResult> {
  const { model, name, connections } = target
  return parts.load.run({
    port: serverOf(parts, target).port,
    path: name === REFERENCE ? `/${model.name}` : `/predictions/${name}`,
    contentType: model.contentType,
    bodyBase64: model.body.toString('base64'),
    connections,
    durationMs,
  })
}

async function answerOf(sconce: RunningServer, { name, contentType, body }: BenchModel): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${sconce.port}/predictions/${name}`, {
    method: 'POST',
    headers: { 'content-type': contentType },
    // fetch takes views of plain buffers only.
    body: Uint8Array.from(body),
  })
  if (!response.ok) throw new Error(`${name} answered ${response.status}: ${await response.text()}`)
  return response.text()
}
