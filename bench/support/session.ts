import { Child } from './child.ts'

export interface SessionOrder {
  /** ONNX file. */
  readonly file: string
  readonly input: string
  readonly values: readonly number[]
  readonly dims: readonly number[]
  readonly durationMs: number
}

export interface SessionResult {
  readonly runs: number
  readonly p50Us: number
}

export type BareSession = Child<SessionOrder, SessionResult>

export function startBareSession(): BareSession {
  return new Child(new URL('session-program.ts', import.meta.url))
}
