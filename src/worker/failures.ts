import type { WorkerFailure } from './protocol.ts'

/**
 * What a handler threw, as a row of the table. Errors are told by their `name` and not by their class: a handler
 * that bundles its own copy of the contract throws the same names.
 */
export function toWorkerFailure(error: unknown): WorkerFailure {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error))
  const detail = stack ?? message
  if (error instanceof NoExplain) return { code: 'NO_EXPLAIN', facts: [] }
  if (name === 'InvalidInput') return { code: 'BAD_REQUEST', facts: [message] }
  if (name === 'UnsupportedOutput') return { code: 'UNSUPPORTED_OUTPUT', facts: [], detail }
  if (name === 'PredictionError')
    return { code: 'HANDLER_STATUS', facts: [message], status: statusOf(error), detail }
  if (isOutOfMemory(message)) return { code: 'OUT_OF_MEMORY', facts: [], detail }
  return { code: 'PREDICTION_FAILED', facts: [], detail }
}

/** The handler has no `explain`. */
export class NoExplain extends Error {
  override readonly name = 'NoExplain'
}

/** The status a PredictionError asks for, where it is one that HTTP knows as an error. */
function statusOf(error: unknown): number {
  const status: unknown = Reflect.get(Object(error), 'status')
  return typeof status === 'number' && Number.isInteger(status) && status >= 400 && status <= 599
    ? status
    : 500
}

function isOutOfMemory(message: string): boolean {
  return /Array buffer allocation failed|Invalid typed array length|bad_alloc|Failed to allocate memory/.test(
    message,
  )
}
