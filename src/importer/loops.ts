import { roundsOf, tripCount } from './container-operators.ts'
import { toTruth } from './conversions.ts'
import type { Context } from './context.ts'
import type { Interpreter } from './interpreter.ts'
import type { Frame } from './frame.ts'
import { emitLoop } from './loop-graph.ts'
import { refuse } from './refusal.ts'
import { addInts, mulInts } from './sym.ts'
import type { Block, Expression } from './syntax.ts'
import { Range } from './values.ts'

const MAX_ROUNDS = 100_000

/** Unrolls a loop whose rounds are known; one over a symbolic range becomes an ONNX Loop. */
export function evaluateFor(
  evaluator: Interpreter,
  statement: { target: string; items: Expression; body: Block },
  frame: Frame,
): void {
  const items = evaluator.evaluate(statement.items, frame)
  const rounds = roundsOf(items)
  if (rounds !== undefined) {
    for (const value of rounds) {
      frame.variables.set(statement.target, value)
      evaluator.block(statement.body, frame)
    }
    return
  }
  if (!(items instanceof Range)) refuse('it loops over something that is no list')
  const { start, step } = items
  emitLoop(evaluator, frame, {
    body: statement.body,
    trip: tripCount(items),
    begin: round => frame.variables.set(statement.target, addInts(start, mulInts(round, step))),
    condition: undefined,
  })
}

/** Runs rounds while the condition is known; from where it depends on data, an ONNX Loop does the rest. */
export function evaluateWhile(
  evaluator: Interpreter,
  statement: { test: Expression; body: Block },
  frame: Frame,
): void {
  const c: Context = evaluator.context
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const condition = toTruth(c, evaluator.evaluate(statement.test, frame))
    if (condition === false) return
    if (condition !== true) {
      const test = () => toTruth(c, evaluator.evaluate(statement.test, frame))
      emitLoop(evaluator, frame, {
        body: statement.body,
        trip: undefined,
        begin: undefined,
        condition: { first: condition, test },
      })
      return
    }
    evaluator.block(statement.body, frame)
  }
  refuse(`a loop takes more than ${MAX_ROUNDS} rounds while it is imported`)
}
