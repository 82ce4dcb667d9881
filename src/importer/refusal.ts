import { failure, type Failure } from '../errors.ts'

/** Where in the model's own code something happened. */
export interface Place {
  /** The file below `code/` in the archive. */
  readonly file: string
  readonly line: number
}

/** The failure of an import: says what was met and, where it is known, at which operator and line of the model's code. */
export function refusal(what: string, place?: Place, operator?: string): Failure {
  const at = showPlace(place, operator)
  return failure('IMPORT_REFUSED', at === '' ? what : `${at}: ${what}`)
}

/** `file.py:12: aten::linear`, or what of it is known. */
export function showPlace(place: Place | undefined, operator: string | undefined): string {
  const at = place === undefined ? [] : [`${place.file}:${place.line}`]
  return [...at, ...(operator === undefined ? [] : [operator])].join(': ')
}

/**
 * A refusal whose place is not known where it is found. The evaluator, which knows the line and the operator, turns it
 * into a Failure on its way up.
 */
export class Unplaced extends Error {
  override readonly name = 'Unplaced'
}

/** Throws an Unplaced refusal. An expression, so that it fits behind `??` and `?:`. */
export function refuse(what: string): never {
  throw new Unplaced(what)
}

/** Runs `work`; an unplaced refusal leaves it as a Failure. */
export function asFailure<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof Unplaced) throw refusal(error.message)
    throw error
  }
}
