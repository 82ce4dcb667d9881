import { Child } from './child.ts'

/** The request that is sent again and again. */
export interface Request {
  readonly host?: string
  readonly port: number
  readonly path: string
  readonly contentType: string
  readonly body: Uint8Array
  /** Further header lines. */
  readonly headers?: readonly string[]
}

/** Closed: so many requests are always in flight. Open: they come at random moments, however long answers take. */
export type Arrivals =
  | { readonly kind: 'closed'; readonly connections: number }
  | { readonly kind: 'open'; readonly perSecond: number; readonly seed: number }

export interface LoadOrder {
  readonly request: Request
  readonly arrivals: Arrivals
  readonly durationMs: number
  /** Answers within this time are good ones; undefined: all with status 200 are. */
  readonly deadlineMs?: number
  /** True counts what is not answered with 200; otherwise the order fails at the first of it. */
  readonly isTolerant?: boolean
}

/** Times of the answers with one status, in microseconds. Of an open loop they run from the intended moment. */
export interface Answers {
  readonly count: number
  readonly p50Us: number
  readonly p99Us: number
  readonly maxUs: number
}

export interface LoadResult extends Answers {
  /** Answers with 200, which are those that the times above are of. */
  readonly requests: number
  readonly perSecond: number
  /** Those within the deadline. */
  readonly goodPerSecond: number
  readonly sent: number
  /** Answers with any other status, by it. */
  readonly refused: Readonly<Record<string, Answers>>
  /** Requests whose connection ended before an answer, or which were not answered long after the end. */
  readonly lost: number
  /** What the first answer that was not 200 said; empty where there was none. */
  readonly firstFailure: string
  /** How late the generator itself was at the moments it had intended: p99, in microseconds. */
  readonly lateUs: number
  /** Cores that the generator itself used; near 1 it measures itself. */
  readonly clientCores: number
}

export type LoadGenerator = Child<LoadOrder, LoadResult>

/** Load in a process of its own. */
export function startLoadGenerator(): LoadGenerator {
  return new Child(new URL('load-program.ts', import.meta.url))
}
