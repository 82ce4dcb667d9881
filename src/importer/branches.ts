import { Raised } from './errors-in-program.ts'
import type { Context } from './context.ts'
import { toTruth } from './conversions.ts'
import type { Interpreter } from './interpreter.ts'
import type { Frame } from './frame.ts'
import { nextId } from './ids.ts'
import {
  checkSameKind,
  closeScope,
  leafFrom,
  leafRef,
  outputRef,
  sameLeaf,
  takeApart,
  type Leaf,
} from './leaves.ts'
import { refuse } from './refusal.ts'
import type { Ref } from './ref.ts'
import { Scope } from './scope.ts'
import { sameInt } from './sym.ts'
import type { Block, Expression } from './syntax.ts'
import { Tensor } from './tensor.ts'
import { Dict, Instance, List, Uninitialised, type Scalar, type Value } from './values.ts'

interface If {
  readonly test: Expression
  readonly whenTrue: Block
  readonly whenFalse: Block
}

/** What one branch did, as it was at its end. */
interface Outcome {
  readonly scope: Scope
  readonly variables: ReadonlyMap<string, Value>
  /** The values of all tensors in changed variables, and of tensors from before that were written. */
  readonly refs: ReadonlyMap<Tensor, Ref>
  readonly written: readonly Tensor[]
}

/** A pair of values, one per branch, that become one output. */
interface Pair {
  readonly whenTrue: Ref
  readonly whenFalse: Ref
}

/** A condition that is known takes one branch; one that depends on data makes an ONNX If of both. */
export function evaluateIf(evaluator: Interpreter, statement: If, frame: Frame): void {
  const c = evaluator.context
  const condition = toTruth(c, evaluator.evaluate(statement.test, frame))
  if (typeof condition === 'boolean') {
    evaluator.block(condition ? statement.whenTrue : statement.whenFalse, frame)
    return
  }
  const before = nextId()
  const whenTrue = attempt(evaluator, statement.whenTrue, frame, before)
  const whenFalse = attempt(evaluator, statement.whenFalse, frame, before)
  // A branch that raises answers nothing: the model gives an answer only where the other one is taken.
  if (whenTrue instanceof Raised && whenFalse instanceof Raised) throw whenTrue
  if (whenTrue instanceof Raised) evaluator.block(statement.whenFalse, frame)
  else if (whenFalse instanceof Raised) evaluator.block(statement.whenTrue, frame)
  else merge(c, condition, [whenTrue, whenFalse], { frame, before })
}

function attempt(evaluator: Interpreter, block: Block, frame: Frame, before: number): Outcome | Raised {
  const c = evaluator.context
  const [outerScope, outerVariables, outerPlace] = [c.g.scope, frame.variables, evaluator.place]
  const scope = new Scope(outerScope)
  c.g.scope = scope
  frame.variables = new Map(outerVariables)
  try {
    return c.journal.attempt(changes => {
      evaluator.block(block, frame)
      for (const changed of changes.changed) checkChange(changed, before)
      const written = [...changes.written].filter(tensor => tensor.id < before)
      const refs = new Map(written.map(tensor => [tensor, tensor.ref]))
      for (const [name, value] of frame.variables)
        if (outerVariables.get(name) !== value) collect(value, refs)
      return { scope, variables: frame.variables, refs, written }
    })
  } catch (error) {
    if (!(error instanceof Raised)) throw error
    evaluator.place = outerPlace
    return error
  } finally {
    c.g.scope = outerScope
    frame.variables = outerVariables
  }
}

export function checkChange(changed: object, before: number): void {
  const old =
    (changed instanceof List || changed instanceof Dict || changed instanceof Instance) && changed.id < before
  if (old) refuse('a list, dictionary or object is changed in a branch that depends on data')
}

function collect(value: Value, refs: Map<Tensor, Ref>): void {
  for (const leaf of takeApart(value)?.leaves ?? []) if (leaf instanceof Tensor) refs.set(leaf, leaf.ref)
}

function merge(
  c: Context,
  condition: Scalar,
  [whenTrue, whenFalse]: [Outcome, Outcome],
  { frame, before }: { frame: Frame; before: number },
): void {
  const pairs: Pair[] = []
  const finish: ((outputs: readonly string[]) => void)[] = []
  for (const tensor of new Set([...whenTrue.written, ...whenFalse.written]))
    finish.push(mergeWritten(c, tensor, [whenTrue, whenFalse], pairs))
  for (const [name, value] of whenTrue.variables) {
    const other = whenFalse.variables.get(name)
    if (other === undefined || (value === frame.variables.get(name) && other === value)) continue
    const merged = mergeValues(c, [value, other], [whenTrue, whenFalse], { pairs, before })
    finish.push(outputs => frame.variables.set(name, merged(outputs)))
  }
  const outputs = pairs.length === 0 ? [] : emitIf(c, condition, [whenTrue.scope, whenFalse.scope], pairs)
  for (const step of finish) step(outputs)
}

function mergeWritten(c: Context, tensor: Tensor, [whenTrue, whenFalse]: [Outcome, Outcome], pairs: Pair[]) {
  const now = tensor.ref
  const pair = { whenTrue: whenTrue.refs.get(tensor) ?? now, whenFalse: whenFalse.refs.get(tensor) ?? now }
  const output = addPair(c, pair, pairs)
  return (outputs: readonly string[]) => tensor.replace(output(outputs))
}

function addPair(c: Context, pair: Pair, pairs: Pair[]): (outputs: readonly string[]) => Ref {
  const problem = checkSameKind(pair.whenTrue, pair.whenFalse)
  if (problem !== undefined) refuse(problem)
  const index = pairs.push(pair) - 1
  const { whenTrue, whenFalse } = pair
  const shape = whenTrue.shape.map((size, axis) =>
    sameInt(size, whenFalse.shape[axis] ?? -1n) ? size : undefined,
  )
  return outputs => outputRef(c, outputs[index] ?? '', whenTrue.dtype, shape)
}

interface Merging {
  readonly pairs: Pair[]
  readonly before: number
}

/** How a variable goes on after both branches. Values that do not fit together are refused only when they are used. */
function mergeValues(c: Context, [a, b]: [Value, Value], outcomes: [Outcome, Outcome], merging: Merging) {
  if (a === b) return () => a
  const [left, right] = [takeApart(a), takeApart(b)]
  const shared = [a, b].some(
    value => (value instanceof List || value instanceof Dict) && value.id < merging.before,
  )
  if (left === undefined || right === undefined || left.shape !== right.shape || shared) return conflict()
  const leaves = left.leaves.map((leaf, index) =>
    mergeLeaf(c, [leaf, right.leaves[index] ?? leaf], outcomes, merging),
  )
  if (leaves.some(leaf => leaf === undefined)) return conflict()
  return (outputs: readonly string[]) => left.rebuild(leaves.flatMap(leaf => leaf?.(outputs) ?? []))
}

const conflict = () => () =>
  new Uninitialised(
    'a variable holds things of different kinds in the two branches of an if that depends on data',
  )

function mergeLeaf(
  c: Context,
  [a, b]: [Leaf, Leaf],
  [whenTrue, whenFalse]: [Outcome, Outcome],
  { pairs, before }: Merging,
) {
  if (sameLeaf(a, b)) return () => a
  const refOf = (leaf: Leaf, outcome: Outcome) => {
    if (leaf instanceof Tensor) return outcome.refs.get(leaf) ?? leaf.ref
    const scope = c.g.scope
    c.g.scope = outcome.scope
    const ref = leafRef(c, leaf)
    c.g.scope = scope
    return ref
  }
  const pair = { whenTrue: refOf(a, whenTrue), whenFalse: refOf(b, whenFalse) }
  if (checkSameKind(pair.whenTrue, pair.whenFalse) !== undefined) return undefined
  const output = addPair(c, pair, pairs)
  return (outputs: readonly string[]) => {
    const leaf = leafFrom(c, output(outputs), a)
    if (leaf instanceof Tensor) linkOld(leaf, [a, b], before)
    return leaf
  }
}

/** The outcome may share memory with tensors from before the branch. */
function linkOld(leaf: Tensor, sources: readonly Leaf[], before: number): void {
  for (const source of sources) {
    if (!(source instanceof Tensor)) continue
    for (const member of source.family()) if (member.id < before) leaf.link(member)
  }
}

function emitIf(
  c: Context,
  condition: Scalar,
  scopes: [Scope, Scope],
  pairs: readonly Pair[],
): readonly string[] {
  const outer = c.g.scope
  const conditionName = c.g.nameOf(condition.ref)
  const [whenTrue, whenFalse] = scopes
  c.g.scope = whenTrue
  closeScope(
    c,
    whenTrue,
    pairs.map(pair => pair.whenTrue),
  )
  c.g.scope = whenFalse
  closeScope(
    c,
    whenFalse,
    pairs.map(pair => pair.whenFalse),
  )
  c.g.scope = outer
  const attributes = { then_branch: { graph: whenTrue }, else_branch: { graph: whenFalse } }
  return c.g.node('If', [conditionName], pairs.length, attributes)
}
