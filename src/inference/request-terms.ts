import { PRIORITIES, type Priority } from '../batching/priority.ts'
import { failure } from '../errors.ts'

/** What a request asks for beside its answer. */
export interface AskedTerms {
  /** Milliseconds until the client's own deadline. */
  readonly timeoutMs?: number | undefined
  readonly priority?: Priority | undefined
}

const TIMEOUT = 'x-request-timeout-ms'
const PRIORITY = 'x-request-priority'

/**
 * The terms of a request from its headers, or gRPC's metadata, and from what its protocol says elsewhere: the shorter
 * time counts, and the protocol's priority before the header's. Throws BAD_REQUEST.
 */
export function readTerms(
  headers: Readonly<Record<string, string>>,
  asked: AskedTerms,
): { deadline: number; priority: Priority } {
  const timeoutMs = Math.min(asked.timeoutMs ?? Infinity, readTimeout(headers[TIMEOUT]))
  const priority = asked.priority ?? readPriority(headers[PRIORITY])
  return { deadline: timeoutMs === Infinity ? Infinity : performance.now() + timeoutMs, priority }
}

/** The terms of its headers; undefined where they are wrong. */
export function tryReadTerms(
  headers: Readonly<Record<string, string>>,
): ReturnType<typeof readTerms> | undefined {
  try {
    return readTerms(headers, {})
  } catch {
    return undefined
  }
}

function readTimeout(value: string | undefined): number {
  if (value === undefined) return Infinity
  const ms = /^\d{1,12}(\.\d{1,6})?$/.test(value) ? Number(value) : 0
  if (ms > 0) return ms
  throw failure('BAD_REQUEST', `${TIMEOUT} must be milliseconds above 0, not ${shown(value)}`)
}

function readPriority(value: string | undefined): Priority {
  if (value === undefined) return 'normal'
  const priority = PRIORITIES.find(level => level === value.toLowerCase())
  if (priority !== undefined) return priority
  throw failure('BAD_REQUEST', `${PRIORITY} must be one of ${PRIORITIES.join(', ')}, not ${shown(value)}`)
}

const LONGEST_SHOWN = 40
const shown = (value: string) => JSON.stringify(value.slice(0, LONGEST_SHOWN))
