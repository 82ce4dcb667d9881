/** Deeper than any sensible manifest or configuration, and far from the end of the stack. */
const MAX_DEPTH = 32

/**
 * A copy of parsed JSON or YAML that can be handed on without care: plain objects and arrays, no key `__proto__`.
 * Throws a RangeError where the data is nested deeper than 32 levels.
 */
export function plainCopy(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth >= MAX_DEPTH) throw new RangeError(`it is nested deeper than ${MAX_DEPTH} levels`)
  if (Array.isArray(value)) return value.map(item => plainCopy(item, depth + 1))
  const entries = Object.entries(value).filter(([key]) => key !== '__proto__')
  return Object.fromEntries(entries.map(([key, item]) => [key, plainCopy(item, depth + 1)]))
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
