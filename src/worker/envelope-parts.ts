/** What the envelopes have in common. */
import { Response, type Input, type JsonValue } from '../runtime/handler.ts'
import type { Verb } from './protocol.ts'

export type JsonObject = { readonly [key: string]: JsonValue }

/** One request on its way through a handler. */
export interface Opened {
  readonly inputs: readonly Input[]
  /** The request's answer from one value per input. */
  close(values: readonly unknown[]): unknown
}

export interface EnvelopeFacts {
  readonly verb: Verb
  readonly model: { readonly name: string; readonly version: string }
  /** Whether values are decoded by their content type. */
  readonly isDecoded: boolean
}

/** What stands in JSON for a handler's value: bytes as `{"b64": ...}`, what `respond()` made as its body. */
export function plain(value: unknown): unknown {
  const body = value instanceof Response ? value.body : value
  return body instanceof Uint8Array ? { b64: Buffer.from(body).toString('base64') } : body
}

/** JSON in one line with Python's separators. Text in it never holds a line break of its own. */
export function compact(json: string): string {
  return json.replaceAll(/,\n */g, ', ').replaceAll(/\n */g, '')
}
