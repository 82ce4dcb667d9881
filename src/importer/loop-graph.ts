import { dtype } from './dtypes.ts'
import { toRef } from './emit.ts'
import type { Interpreter } from './interpreter.ts'
import type { Frame } from './frame.ts'
import { nextId } from './ids.ts'
import { closeScope, isVisible, leafFrom, leafRef, outputRef } from './leaves.ts'
import { attemptBody } from './loop-body.ts'
import type { Round } from './loop-round.ts'
import { BROKEN, growPlan, newPlan, type LoopSpec, type Plan } from './loop-plan.ts'
import { refuse } from './refusal.ts'
import type { Ref } from './ref.ts'
import { sameInt } from './sym.ts'
import { Tensor } from './tensor.ts'
import { Uninitialised } from './values.ts'

const MAX_ATTEMPTS = 12

/**
 * A loop whose rounds are known only when the model runs. The body is tried until it is clear what changes from round
 * to round; that is carried. Tensors appended to a list become a scan output.
 */
export function emitLoop(evaluator: Interpreter, frame: Frame, spec: LoopSpec): void {
  const before = nextId()
  const plan = newPlan(frame, spec.body)
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const round = attemptBody(evaluator, frame, spec, { plan, before })
    if (growPlan(plan, round, before)) continue
    finish(evaluator, frame, spec, { plan, round, before })
    return
  }
  refuse('it is not clear what changes from round to round of a loop')
}

interface Ready {
  readonly plan: Plan
  readonly round: Round
  readonly before: number
}

function finish(evaluator: Interpreter, frame: Frame, spec: LoopSpec, { plan, round, before }: Ready): void {
  const c = evaluator.context
  const { carried, tensors, scans } = round
  const outer = c.g.scope
  c.g.scope = round.scope
  const always = c.g.scalar(dtype.bool, true)
  const again = typeof round.again === 'boolean' ? c.g.scalar(dtype.bool, round.again) : round.again.ref
  const ends = [
    ...carried.map(each => each.end),
    ...tensors.map(each => each.end),
    ...scans.map(each => each.item),
  ]
  closeScope(c, round.scope, [again, ...ends])
  c.g.scope = outer
  const starts = [...carried.map(each => leafRef(c, each.start)), ...tensors.map(each => each.tensor.ref)]
  const inputs = [
    spec.trip === undefined ? undefined : toRef(c, spec.trip, dtype.int64),
    spec.condition === undefined ? always : spec.condition.first.ref,
    ...starts,
  ]
  const names = inputs.map(input => (input === undefined ? '' : c.g.nameOf(input)))
  const outputs = c.g.node('Loop', names, ends.length, { body: { graph: round.scope } })
  const refs = [...carried, ...tensors].map((each, index) =>
    carriedRef(evaluator, each, outputs[index] ?? ''),
  )
  setVariables(evaluator, frame, plan, { round, refs })
  tensors.forEach(({ tensor }, index) => tensor.replace(refs[carried.length + index] ?? tensor.ref))
  scans.forEach(({ list, item, sources }, index) => {
    if (!item.shape.every(size => isVisible(c.g.scope, size)))
      refuse('a list that a loop collects has tensors of different sizes')
    const stacked = outputRef(c, outputs[refs.length + index] ?? '', item.dtype, [spec.trip, ...item.shape])
    for (const source of sources) {
      if ([...source.family()].some(member => plan.tensors.has(member)))
        refuse(
          'a loop appends a tensor to a list and writes to it again: the list would show the last value only',
        )
      lockFamily(source, before)
    }
    c.journal.change(list, () => {
      list.scanned = undefined
    })
    list.scanned = { stacked }
  })
}

/** What a collected tensor may share memory with must not change any more: the collection would not show it. */
function lockFamily(source: Tensor, before: number): void {
  for (const member of source.family())
    if (member.id < before) member.locked ??= 'it writes to a tensor, views of which a loop has collected'
}

function carriedRef(evaluator: Interpreter, each: { begin: Ref; end: Ref }, name: string): Ref {
  const { begin, end } = each
  const shape = end.shape.map((size, axis) => (sameInt(size, begin.shape[axis] ?? -1n) ? size : undefined))
  return outputRef(evaluator.context, name, end.dtype, shape)
}

function setVariables(
  evaluator: Interpreter,
  frame: Frame,
  plan: Plan,
  { round, refs }: { round: Round; refs: readonly Ref[] },
): void {
  for (const [name, parts] of plan.parts) {
    if (plan.broken.has(name)) {
      frame.variables.set(name, new Uninitialised(BROKEN))
      continue
    }
    const leaves = parts.leaves.map((leaf, index) => {
      const at = round.carried.findIndex(each => each.key === `${name}/${index}`)
      const ref = refs[at]
      if (at < 0 || ref === undefined) return leaf
      const result = leafFrom(evaluator.context, ref, leaf)
      // A loop of no rounds gives the tensor from before.
      if (result instanceof Tensor && leaf instanceof Tensor) result.link(leaf)
      return result
    })
    if (round.carried.some(each => each.key.startsWith(`${name}/`)))
      frame.variables.set(name, parts.rebuild(leaves))
  }
}
