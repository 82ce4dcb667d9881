import { Response } from '../runtime/handler.ts'
import { toJson } from '../runtime/json.ts'
import type { Answer } from './protocol.ts'

const encoder = new TextEncoder()

/**
 * A handler's value as an answer: bytes and text as they are and without a content type, as TorchServe sends them;
 * anything else as JSON. Throws UnsupportedOutput for what JSON cannot say.
 */
export function printAnswer(value: unknown, maxBytes: number): Answer {
  const response = value instanceof Response ? value : new Response(value, {})
  const { status, headers } = response
  const { body, contentType } = printBody(response.body)
  if (body.length > maxBytes) {
    return { ok: false, code: 'RESPONSE_TOO_LARGE', facts: [body.length, maxBytes] }
  }
  return { ok: true, status, contentType: response.contentType ?? contentType, headers, body }
}

function printBody(value: unknown): { body: Uint8Array; contentType: string } {
  if (value instanceof Uint8Array) return { body: value, contentType: '' }
  if (typeof value === 'string') return { body: encoder.encode(value), contentType: '' }
  return { body: encoder.encode(toJson(value)), contentType: 'application/json' }
}
