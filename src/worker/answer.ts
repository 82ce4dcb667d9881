import { Response } from '../runtime/handler.ts'
import { toJson } from '../runtime/json.ts'
import type { Answer, WireTensor } from './protocol.ts'

const encoder = new TextEncoder()

/** Headers of the connection, which is the server's: what a handler says of them is left out. */
const CONNECTION = /^(connection|content-length|keep-alive|te|trailer|transfer-encoding|upgrade)$/
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/**
 * A handler's value as an answer: bytes and text as they are and without a content type, as TorchServe sends them;
 * anything else as JSON. Throws UnsupportedOutput for what JSON cannot say, and a RangeError for a status or a header
 * that HTTP does not have.
 */
export function printAnswer(value: unknown, maxBytes: number): Answer {
  if (value instanceof Response) {
    const status = checkStatus(value.status)
    const { body, contentType } = printBody(value.body)
    const { 'content-type': typed = contentType, ...headers } = checkHeaders(value)
    return limit({ ok: true, status, contentType: typed, headers, body }, maxBytes)
  }
  const { body, contentType } = printBody(value)
  return limit({ ok: true, status: 200, contentType, headers: NO_HEADERS, body }, maxBytes)
}

function limit(answer: Extract<Answer, { ok: true }>, maxBytes: number): Answer {
  const { length } = answer.body
  return length > maxBytes ? { ok: false, code: 'RESPONSE_TOO_LARGE', facts: [length, maxBytes] } : answer
}

/** Tensors as an answer. */
export function printTensors(tensors: readonly WireTensor[], maxBytes: number): Answer {
  const bytes = tensors.reduce((sum, { data }) => sum + data.length, 0)
  if (bytes > maxBytes) return { ok: false, code: 'RESPONSE_TOO_LARGE', facts: [bytes, maxBytes] }
  return { ok: true, status: 200, contentType: '', headers: NO_HEADERS, body: NOTHING, tensors }
}

const NOTHING = new Uint8Array(0)
const NO_HEADERS = {}

function checkStatus(status: unknown): number {
  if (Number.isInteger(status) && Number(status) >= 200 && Number(status) <= 599) return Number(status)
  throw new RangeError(`The answer has status ${String(status)}; expected 200 to 599.`)
}

/** The headers in lower case, the content type among them. */
function checkHeaders({ headers, contentType }: Response): Record<string, string> {
  // Handlers may be JavaScript, where a header can be anything.
  const given: [string, unknown][] = Object.entries(headers)
  if (contentType) given.push(['content-type', contentType])
  const checked: Record<string, string> = {}
  for (const [name, value] of given) {
    const text = String(value)
    if (!HEADER_NAME.test(name) || !HEADER_VALUE.test(text)) {
      throw new RangeError(`The answer has a header ${JSON.stringify(name)}: ${JSON.stringify(text)}`)
    }
    if (!CONNECTION.test(name.toLowerCase())) checked[name.toLowerCase()] = text
  }
  return checked
}

function printBody(value: unknown): { body: Uint8Array; contentType: string } {
  if (value instanceof Uint8Array) return { body: value, contentType: '' }
  if (typeof value === 'string') return { body: encoder.encode(value), contentType: '' }
  return { body: encoder.encode(toJson(value)), contentType: 'application/json' }
}
