/** How deep and how wide what a handler logs may be; the rest is cut. */
const MAX_DEPTH = 5
const MAX_MEMBERS = 100

/**
 * A handler's log fields as plain data that JSON can say: numbers without bound as text, errors with their stack, no
 * circles. A log call must never fail the request that made it.
 */
export function plainFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const plain = toPlain(fields, 0)
  return typeof plain === 'object' && plain !== null ? { ...plain } : {}
}

function toPlain(value: unknown, depth: number): unknown {
  if (value === null || ['string', 'number', 'boolean', 'undefined'].includes(typeof value)) return value
  if (typeof value !== 'object') return typeof value === 'bigint' ? value.toString() : `(${typeof value})`
  if (value instanceof Error) return { name: value.name, message: value.message, stack: value.stack }
  if (ArrayBuffer.isView(value)) return `(${value.byteLength} bytes)`
  if (depth === MAX_DEPTH) return '(more)'
  if (Array.isArray(value))
    return value.slice(0, MAX_MEMBERS).map((member: unknown) => toPlain(member, depth + 1))
  const members = Object.entries(value).slice(0, MAX_MEMBERS)
  return Object.fromEntries(
    members.map(([name, member]: [string, unknown]) => [name, toPlain(member, depth + 1)]),
  )
}
