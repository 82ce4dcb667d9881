import { failureTable } from './failure-table.ts'

export type FailureCode = keyof typeof failureTable

/** What a failure may say beside its text. */
export interface FailureDetails {
  /** One sentence for the client about the circumstances, beside TorchServe's own text. No paths, no stacks. */
  reason?: string
  /** Seconds after which a retry is worth it; becomes `Retry-After`. */
  retryAfterS?: number
  /** The HTTP status a handler chose (HANDLER_STATUS only). */
  status?: number
  /** For the log only. */
  cause?: unknown
}

/** An expected failure: a row of the table with its facts filled in. Made with `failure()`. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly code: FailureCode
  readonly http: number
  readonly grpc: number
  readonly type: string
  readonly reason: string | undefined
  readonly retryAfterS: number | undefined

  constructor(code: FailureCode, text: string, details: FailureDetails = {}) {
    super(text, details.cause === undefined ? undefined : { cause: details.cause })
    const row = failureTable[code]
    this.code = code
    this.http = details.status ?? row.http
    this.grpc = row.grpc
    this.type = row.type
    this.reason = details.reason
    this.retryAfterS = details.retryAfterS
  }
}

type Facts<C extends FailureCode> = Parameters<(typeof failureTable)[C]['text']>

/** A failure from its facts: `failure('MODEL_NOT_FOUND', name)`. */
export function failure<C extends FailureCode>(code: C, ...facts: Facts<C>): Failure {
  return failureWith({}, code, ...facts)
}

/** The same with details beside the text: `failureWith({ retryAfterS: 1 }, 'QUEUE_FULL', model, version)`. */
export function failureWith<C extends FailureCode>(
  details: FailureDetails,
  code: C,
  ...facts: Facts<C>
): Failure {
  return restoreFailure(code, facts, details)
}

/** A failure that another process told of: its code and the facts that it sent along, in the order of the row. */
export function restoreFailure(
  code: FailureCode,
  facts: readonly unknown[],
  details: FailureDetails,
): Failure {
  // Which facts fit which row is checked where they are known: by Facts<C>, or by the sender.
  const text = failureTable[code].text as (...facts: readonly unknown[]) => string
  return new Failure(code, text(...facts), details)
}

/** Whatever was thrown, as a row: expected failures travel unchanged, anything else is INTERNAL with its cause. */
export function toFailure(thrown: unknown): Failure {
  return thrown instanceof Failure ? thrown : failureWith({ cause: thrown }, 'INTERNAL')
}

/** Every row, for the reference page. */
export function listFailures(): { code: FailureCode; http: number; grpc: number; type: string }[] {
  return (Object.keys(failureTable) as FailureCode[]).map(code => {
    const { http, grpc, type } = failureTable[code]
    return { code, http, grpc, type }
  })
}
