import { Child } from './child.ts'
import type { LoadResult } from './load.ts'

export interface GrpcOrder {
  /** `127.0.0.1:7070` */
  readonly address: string
  /** `/package.Service/Method` */
  readonly path: string
  /** The message as it goes out. */
  readonly body: Uint8Array
  /** Calls in flight, all on one connection, as a client of gRPC has them. */
  readonly calls: number
  readonly durationMs: number
}

export type GrpcLoadGenerator = Child<GrpcOrder, LoadResult>

/** A closed loop of grpc-js in a process of its own; messages are neither written nor read there. */
export function startGrpcLoadGenerator(): GrpcLoadGenerator {
  return new Child(new URL('grpc-load-program.ts', import.meta.url))
}
