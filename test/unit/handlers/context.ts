import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultVerbs } from '../../../src/runtime/default-verbs.ts'
import type { Context, Handler, Input, Session } from '../../../src/runtime/handler.ts'
import { decodeItem } from '../../../src/runtime/input.ts'
import { openSession } from '../../../src/runtime/session.ts'

export const FIXTURES = join(import.meta.dirname, '../../fixtures')

export interface Setting {
  readonly session: Session
  readonly config?: Readonly<Record<string, unknown>>
  /** Files of the model folder, by name. */
  readonly files?: Readonly<Record<string, string>>
}

export function openFixture(path: string): Promise<Session> {
  return openSession(join(FIXTURES, path), { threads: 1 })
}

const ignore = () => undefined

/** What a worker hands to a handler. */
export function makeContext({ session, config = {}, files = {} }: Setting): Context {
  const dir = mkdtempSync(join(tmpdir(), 'model-'))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, name), content)
  return {
    model: { name: 'test', version: '1.0', dir },
    manifest: {},
    config,
    session,
    logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    metrics: { addCounter: ignore, addTime: ignore, addSize: ignore, addPercent: ignore, addMetric: ignore },
    limits: { limitImagePixels: true },
  }
}

/** A request with one body of this content type. */
export function request(body: Uint8Array | string, contentType = ''): Input {
  const value = typeof body === 'string' ? Buffer.from(body) : body
  const parameters = [{ name: 'body', contentType, value }]
  const headers = contentType === '' ? {} : { 'content-type': contentType }
  return decodeItem({ requestId: 'r', headers, parameters }, true)
}

export function json(value: unknown): Input {
  return request(JSON.stringify(value), 'application/json')
}

/** Takes requests through a loaded handler as one batch; the first error is thrown. */
export async function predict(handler: Handler, context: Context, ...inputs: Input[]): Promise<unknown[]> {
  const preprocess = handler.preprocess?.bind(handler) ?? defaultVerbs.preprocess
  const postprocess = handler.postprocess?.bind(handler) ?? defaultVerbs.postprocess
  const tensors = await Promise.all(inputs.map(async input => preprocess(input, context)))
  const outputs = await defaultVerbs.inference(tensors, context)
  return Promise.all(
    inputs.map(async (input, index) => {
      const output = outputs[index]
      if (output === undefined || output instanceof Error) throw output ?? new Error('no output')
      return postprocess(output, input, context)
    }),
  )
}
