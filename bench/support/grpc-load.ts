import { Child } from './child.ts'
import type { LoadResult } from './load.ts'

export interface GrpcLoadOrder {
  readonly port: number
  /** `/package.Service/Method` */
  readonly path: string
  readonly messageBase64: string
  /** Calls in flight, each on its own connection. */
  readonly connections: number
  readonly durationMs: number
}

export type GrpcLoadGenerator = Child<GrpcLoadOrder, LoadResult>

/** A closed loop of unary calls in a process of its own. An order fails where a call does. */
export function startGrpcLoadGenerator(): GrpcLoadGenerator {
  return new Child(new URL('grpc-load-program.ts', import.meta.url))
}
