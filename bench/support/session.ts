import { Child } from './child.ts'

export interface SessionOrder {
  /** ONNX file. */
  readonly file: string
  readonly threads: number
  readonly input: string
  readonly dims: readonly number[]
  /** The tensor itself, or a JPEG that is made into it before each run, as a handler would. */
  readonly content: { readonly values: Float32Array } | { readonly jpeg: Uint8Array }
  readonly durationMs: number
}

export interface SessionResult {
  readonly runs: number
  readonly perSecond: number
  readonly p50Us: number
  /** Milliseconds that it took to load the file, where this order was the first for it. */
  readonly loadMs: number
}

export type BareSession = Child<SessionOrder, SessionResult>

/** ONNX Runtime in a process of its own, with nothing around it. */
export function startBareSession(): BareSession {
  return new Child(new URL('session-program.ts', import.meta.url))
}
