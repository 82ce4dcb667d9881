import type { Frame } from './frame.ts'
import { refuseKind, sameLeaf, takeApart, type Parts } from './leaves.ts'
import type { Carried, Round } from './loop-round.ts'
import { refuse } from './refusal.ts'
import { sameInt, type Int } from './sym.ts'
import type { Block, Expression } from './syntax.ts'
import type { Tensor } from './tensor.ts'
import { Dict, Instance, List, type Scalar } from './values.ts'

export interface LoopSpec {
  readonly body: Block
  /** How many rounds; undefined for `while`. */
  readonly trip: Int | undefined
  /** Sets the loop's variable from the number of the round. */
  readonly begin: ((round: Int) => void) | undefined
  readonly condition: { readonly first: Scalar; readonly test: () => boolean | Scalar } | undefined
}

export const BROKEN = 'a variable changes its kind from round to round of a loop'

/** What is known so far about a loop: what changes from round to round. */
export interface Plan {
  /** The variables from before the loop that its body assigns. */
  readonly parts: Map<string, Parts>
  /** `name/index` of the leaves that change. */
  readonly carried: Set<string>
  /** `key:axis` of the sizes that change. */
  readonly growing: Set<string>
  /** Variables that change in kind: nobody may look at them. */
  readonly broken: Set<string>
  /** Tensors from before that the body writes to. */
  readonly tensors: Set<Tensor>
  /** Lists from before that the body appends to. */
  readonly lists: Set<List>
}

export function newPlan(frame: Frame, body: Block): Plan {
  const parts = new Map<string, Parts>()
  const broken = new Set<string>()
  for (const name of assigned(body)) {
    const value = frame.variables.get(name)
    if (value === undefined) continue
    const taken = takeApart(value)
    parts.set(name, taken ?? { leaves: [], shape: '?', rebuild: () => value })
    if (taken === undefined) broken.add(name)
  }
  return { parts, carried: new Set(), growing: new Set(), broken, tensors: new Set(), lists: new Set() }
}

/** The names of variables that statements assign. */
function assigned(block: Block): Set<string> {
  const names = new Set<string>()
  for (const statement of block) {
    if (statement.kind === 'assign') addTargets(statement.target, names)
    if (statement.kind === 'for') names.add(statement.target)
    const inner =
      statement.kind === 'if'
        ? [statement.whenTrue, statement.whenFalse]
        : 'body' in statement
          ? [statement.body]
          : []
    for (const each of inner) for (const name of assigned(each)) names.add(name)
  }
  return names
}

function addTargets(target: Expression, names: Set<string>): void {
  if (target.kind === 'name') names.add(target.name)
  if (target.kind === 'tuple') for (const item of target.items) addTargets(item, names)
}

/** Adds what the round showed to change. True if there was anything new, so that the body must be tried again. */
export function growPlan(plan: Plan, round: Round, before: number): boolean {
  const size = sizeOf(plan)
  for (const [name, parts] of plan.parts) growVariable(plan, name, parts, round)
  for (const each of [...round.carried, ...round.tensors]) growSizes(plan, each)
  for (const tensor of round.written) {
    if (round.placeholders.has(tensor))
      refuse('a loop writes in place to a tensor that it also replaces; use clone()')
    if (tensor.id < before) plan.tensors.add(tensor)
  }
  for (const changed of round.changed) growChanged(plan, changed, before)
  return sizeOf(plan) !== size
}

function sizeOf(plan: Plan): number {
  return plan.carried.size + plan.growing.size + plan.broken.size + plan.tensors.size + plan.lists.size
}

function growVariable(plan: Plan, name: string, parts: Parts, round: Round): void {
  const after = round.after.get(name)
  if (plan.broken.has(name) || after === undefined) return
  if (after.shape !== parts.shape) {
    plan.broken.add(name)
    return
  }
  parts.leaves.forEach((leaf, index) => {
    const now = after.leaves[index]
    if (now !== undefined && !sameLeaf(leaf, now)) plan.carried.add(`${name}/${index}`)
  })
}

function growSizes(plan: Plan, { key, begin, end }: Carried): void {
  refuseKind(begin, end)
  end.shape.forEach((size, axis) => {
    if (!sameInt(size, begin.shape[axis] ?? -1n)) plan.growing.add(`${key}:${axis}`)
  })
}

function growChanged(plan: Plan, changed: object, before: number): void {
  const holder = changed instanceof List || changed instanceof Dict || changed instanceof Instance
  if (!holder || changed.id > before) return
  if (!(changed instanceof List)) refuse('a loop that depends on data changes a dictionary or an object')
  plan.lists.add(changed)
}
