import type { Input, InputValue, JsonValue } from './handler.ts'

/** What the worker received for one request. */
export interface RawItem {
  readonly requestId: string
  readonly headers: Readonly<Record<string, string>>
  readonly parameters: readonly RawParameter[]
}

export interface RawParameter {
  readonly name: string
  /** Media type, or '' where the client gave none. */
  readonly contentType: string
  readonly value: Uint8Array
}

/**
 * A request as handlers see it: `application/json` parsed, `text/*` as a string, everything else as bytes, as are
 * values that do not decode and, with `decode` false, all. Of parameters with one name the last wins. Never throws:
 * what is wrong with a value is for the handler to say, which knows what it wanted.
 */
export function decodeItem(item: RawItem, decode: boolean): Input {
  const parameters = new Map<string, InputValue>()
  for (const parameter of item.parameters)
    parameters.set(parameter.name, decode ? decodeValue(parameter) : parameter.value)
  return {
    requestId: item.requestId,
    headers: item.headers,
    parameters,
    data: parameters.has('data') ? parameters.get('data') : parameters.get('body'),
  }
}

function decodeValue({ contentType, value }: RawParameter): InputValue {
  const mediaType = contentType === JSON_TYPE ? JSON_TYPE : bareType(contentType)
  try {
    if (mediaType === JSON_TYPE) return parseJson(decodeText(value))
    if (mediaType.startsWith('text')) return decodeText(value)
  } catch {
    // Stays bytes, as in TorchServe.
  }
  return value
}

const JSON_TYPE = 'application/json'

function bareType(contentType: string): string {
  return (contentType.split(';')[0] ?? '').trim().toLowerCase()
}

/** One for all: to make one costs more than a small text. */
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** UTF-8 without its byte order mark. Throws a TypeError for bytes that are not UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  return utf8.decode(bytes)
}

/** Throws a SyntaxError. A member `__proto__` becomes an own property, like any other. */
export function parseJson(text: string): JsonValue {
  // JSON.parse returns exactly these types; its declaration says any.
  return JSON.parse(text) as JsonValue
}
