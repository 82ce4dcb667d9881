import { toWorkerFailure } from './failures.ts'
import type { WorkerFailure } from './protocol.ts'

/** Something that failed alone, among neighbours that go on. */
export class Failed {
  readonly failure: WorkerFailure
  constructor(error: unknown) {
    this.failure = toWorkerFailure(error)
  }
}

/**
 * What `work` gives, or that it failed; a promise only where it gives one: small models take a batch through without
 * leaving the event loop's turn.
 */
export function attempt<T>(work: () => T | Promise<T>): T | Failed | Promise<T | Failed> {
  try {
    const given = work()
    return isPromise(given) ? given.then(undefined, (error: unknown) => new Failed(error)) : given
  } catch (error) {
    return new Failed(error)
  }
}

/** The same for work that never waits. */
export function attemptNow<T>(work: () => T): T | Failed {
  try {
    return work()
  } catch (error) {
    return new Failed(error)
  }
}

/** The values once all of them are there; at once where none is a promise. */
export function all<T>(values: readonly (T | Promise<T>)[]): readonly T[] | Promise<readonly T[]> {
  return values.some(isPromise) ? Promise.all(values) : (values as readonly T[]) // None is a promise, as was just seen.
}

/** Handlers may give promises of any make. */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
