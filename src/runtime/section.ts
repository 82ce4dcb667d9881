import { failure } from '../errors.ts'

/** What one key of a section may have. */
export interface Rule<T> {
  /** Completes "expected ...". */
  readonly expected: string
  accepts(value: unknown): value is T
}

type Rules = Readonly<Record<string, Rule<unknown>>>

/** What a section that keeps its rules has; a key that is not there is undefined. */
export type SectionOf<R extends Rules> = { readonly [K in keyof R]?: R[K] extends Rule<infer T> ? T : never }

/**
 * A section of model-config.yaml by its rules. INVALID_MODEL that names the keys which do not fit. By hand, as the
 * library that reads the server's own configuration would take a third of a worker's start.
 */
export function readSection<R extends Rules>(rules: R, section: string, value: unknown): SectionOf<R> {
  const given = value ?? {}
  if (typeof given !== 'object' || Array.isArray(given)) {
    throw refuse([`${section}: expected keys with values`])
  }
  const problems = Object.entries(given).flatMap(([key, one]) => {
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined
    if (rule === undefined) {
      return [`${section}.${key}: there is no such key; expected ${Object.keys(rules).join(', ')}`]
    }
    return one === undefined || rule.accepts(one) ? [] : [`${section}.${key}: expected ${rule.expected}`]
  })
  if (problems.length > 0) throw refuse(problems)
  return given
}

function refuse(problems: readonly string[]): Error {
  return failure('INVALID_MODEL', `model-config.yaml: ${problems.join('; ')}`)
}

export const oneOf = <const T extends string | number>(...values: readonly T[]): Rule<T> => ({
  expected: `one of ${values.join(', ')}`,
  accepts: (value): value is T => values.some(one => one === value),
})

export const wholeFrom = (min: number): Rule<number> => ({
  expected: `a whole number from ${min}`,
  accepts: (value): value is number => isWhole(value, min),
})

export const positive: Rule<number> = { expected: 'a number above 0', accepts: isPositive }

export const numbers: Rule<readonly number[]> = {
  expected: 'a list of numbers',
  accepts: (value): value is number[] => Array.isArray(value) && value.every(Number.isFinite),
}

export const positives: Rule<readonly number[]> = {
  expected: 'a list of numbers above 0',
  accepts: (value): value is number[] => Array.isArray(value) && value.every(isPositive),
}

export function isWhole(value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): value is number {
  return Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0
}
