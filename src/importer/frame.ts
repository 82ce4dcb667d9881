import type { FunctionDef } from './syntax.ts'
import type { Value } from './values.ts'

/** The variables of one call of a function. */
export interface Frame {
  readonly definition: FunctionDef
  variables: Map<string, Value>
  /** The path of the module whose method this is. */
  readonly path: string
}
