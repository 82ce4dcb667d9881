import type { Context } from './context.ts'
import type { Frame } from './frame.ts'
import type { Objects } from './objects.ts'
import type { Place } from './refusal.ts'
import type { Block, Expression } from './syntax.ts'
import type { Value } from './values.ts'

/** What the parts of the evaluation ask of the whole. */
export interface Interpreter {
  readonly context: Context
  readonly objects: Objects
  place: Place | undefined
  evaluate(expression: Expression, frame: Frame): Value
  /** Runs statements. Gives the value of `return`, undefined if there was none. */
  block(statements: Block, frame: Frame): Value | undefined
  /** A default of a parameter, or a constant of a class: no variables. */
  constant(expression: Expression): Value
}
