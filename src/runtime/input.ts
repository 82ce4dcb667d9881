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
  const parameters = new Map(
    item.parameters.map(parameter => [parameter.name, decode ? decodeValue(parameter) : parameter.value]),
  )
  return {
    requestId: item.requestId,
    headers: item.headers,
    parameters,
    data: parameters.has('data') ? parameters.get('data') : parameters.get('body'),
  }
}

function decodeValue({ contentType, value }: RawParameter): InputValue {
  const mediaType = (contentType.split(';')[0] ?? '').trim().toLowerCase()
  try {
    if (mediaType === 'application/json') return parseJson(decodeText(value))
    if (mediaType.startsWith('text')) return decodeText(value)
  } catch {
    // Stays bytes, as in TorchServe.
  }
  return value
}

/** UTF-8 without its byte order mark. Throws a TypeError for bytes that are not UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
}

/** Throws a SyntaxError. A member `__proto__` becomes an own property, like any other. */
export function parseJson(text: string): JsonValue {
  // JSON.parse returns exactly these types; its declaration says any.
  return JSON.parse(text) as JsonValue
}
