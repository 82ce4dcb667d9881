import { Child } from './child.ts'

export interface LoadOrder {
  readonly port: number
  readonly path: string
  readonly contentType: string
  readonly bodyBase64: string
  /** Further header lines. */
  readonly headers?: readonly string[]
  /** Requests in flight, each on its own connection. */
  readonly connections: number
  readonly durationMs: number
}

export interface LoadResult {
  readonly requests: number
  readonly perSecond: number
  readonly p50Us: number
  readonly p99Us: number
  /** Cores that the generator itself used; near 1 it measures itself. */
  readonly clientCores: number
}

export type LoadGenerator = Child<LoadOrder, LoadResult>

/** A closed loop in a process of its own. An order fails where an answer is not 200. */
export function startLoadGenerator(): LoadGenerator {
  return new Child(new URL('load-program.ts', import.meta.url))
}
