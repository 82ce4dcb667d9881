import type { Context } from './context.ts'
import { dtype } from './dtypes.ts'
import type { Interpreter } from './interpreter.ts'
import type { Frame } from './frame.ts'
import { leafFrom, leafRef, takeApart, type Leaf, type Parts } from './leaves.ts'
import { BROKEN, type LoopSpec, type Plan } from './loop-plan.ts'
import type { Round } from './loop-round.ts'
import { refuse } from './refusal.ts'
import { Ref } from './ref.ts'
import { Scope } from './scope.ts'
import { fromAtom, type Int } from './sym.ts'
import { Tensor } from './tensor.ts'
import { Uninitialised, type List } from './values.ts'

interface Setting {
  readonly plan: Plan
  readonly before: number
}

/** Runs the body once in a graph of its own, with placeholders for what the plan says is carried. */
export function attemptBody(evaluator: Interpreter, frame: Frame, spec: LoopSpec, setting: Setting): Round {
  const c = evaluator.context
  const [outerScope, outerVariables] = [c.g.scope, frame.variables]
  const scope = new Scope(outerScope)
  c.g.scope = scope
  frame.variables = new Map(outerVariables)
  try {
    return c.journal.attempt(changes => {
      const round = addInput(c, scope, 'round', { dtype: dtype.int64, shape: [] })
      addInput(c, scope, 'again', { dtype: dtype.bool, shape: [] })
      const begins = beginVariables(c, frame, scope, setting.plan)
      const tensors = beginTensors(c, scope, setting.plan)
      for (const list of setting.plan.lists) lock(c, list)
      spec.begin?.(roundNumber(round))
      evaluator.block(spec.body, frame)
      const again = spec.condition === undefined || spec.condition.test()
      const after = new Map([...setting.plan.parts.keys()].map(name => [name, afterOf(frame, name)]))
      return {
        scope,
        carried: begins.map(each => ({ ...each, end: endOf(c, each.key, after, each.begin) })),
        tensors: tensors.map(each => ({ ...each, end: each.tensor.ref })),
        scans: [...setting.plan.lists].map(list => scan(list, lengths.get(list) ?? 0)),
        again,
        after,
        written: new Set(changes.written),
        changed: new Set(changes.changed),
        placeholders: new Set(begins.flatMap(each => each.placeholder ?? [])),
      }
    })
  } finally {
    c.g.scope = outerScope
    frame.variables = outerVariables
  }
}

const lengths = new WeakMap<List, number>()

function lock(c: Context, list: List): void {
  lengths.set(list, list.items.length)
  c.journal.record(() => {
    list.locked = undefined
  })
  list.locked = 'a loop reads a list that it also appends to'
}

function scan(list: List, length: number) {
  const [item, ...more] = list.items.slice(length)
  if (!(item instanceof Tensor) || more.length > 0)
    refuse('a loop must append exactly one tensor per round to a list that it fills')
  if (list.scanned !== undefined || length > 0) refuse('a loop appends to a list that is not empty')
  return { list, item: item.ref, sources: [item] }
}

function addInput(c: Context, scope: Scope, wish: string, kind: { dtype: Ref['dtype']; shape: Int[] }): Ref {
  const name = c.g.unique(wish)
  // ONNX Runtime wants to know that the number of the round has no dimensions.
  scope.inputs.push({ name, dtype: kind.dtype, shape: wish === 'round' || wish === 'again' ? [] : undefined })
  return new Ref(kind.dtype, kind.shape, { kind: 'value', name, scope })
}

function roundNumber(ref: Ref): Int {
  const key = ref.content.kind === 'value' ? ref.content.name : 'round'
  return fromAtom({ key, min: 0n, max: undefined, source: { kind: 'value', ref, axis: undefined } })
}

/** Puts placeholders into the variables that are carried. */
function beginVariables(c: Context, frame: Frame, scope: Scope, plan: Plan) {
  const begins: { key: string; start: Leaf; begin: Ref; placeholder: Tensor | undefined }[] = []
  for (const [name, parts] of plan.parts) {
    if (plan.broken.has(name)) {
      frame.variables.set(name, new Uninitialised(BROKEN))
      continue
    }
    const leaves = parts.leaves.map((start, index) => {
      const key = `${name}/${index}`
      if (!plan.carried.has(key)) return start
      const ref = placeholder(c, { scope, plan }, key, leafRef(c, start))
      const leaf = leafFrom(c, ref, start)
      begins.push({ key, start, begin: ref, placeholder: leaf instanceof Tensor ? leaf : undefined })
      return leaf
    })
    if (parts.leaves.some((_, index) => plan.carried.has(`${name}/${index}`)))
      frame.variables.set(name, parts.rebuild(leaves))
  }
  return begins
}

function placeholder(c: Context, { scope, plan }: { scope: Scope; plan: Plan }, key: string, like: Ref): Ref {
  const sizes: Int[] = []
  const ref = addInput(c, scope, key.replace(/\/0$/, ''), { dtype: like.dtype, shape: sizes })
  like.shape.forEach((size, axis) =>
    sizes.push(plan.growing.has(`${key}:${axis}`) ? c.g.sizeOf(ref, axis) : size),
  )
  return ref
}

function beginTensors(c: Context, scope: Scope, plan: Plan) {
  return [...plan.tensors].map((tensor, index) => {
    const key = `written ${index}`
    const begin = placeholder(c, { scope, plan }, key, tensor.ref)
    tensor.replace(begin)
    return { key, tensor, begin }
  })
}

function afterOf(frame: Frame, name: string): Parts | undefined {
  const value = frame.variables.get(name)
  return value === undefined ? undefined : takeApart(value)
}

function endOf(c: Context, key: string, after: ReadonlyMap<string, Parts | undefined>, fallback: Ref): Ref {
  const slash = key.lastIndexOf('/')
  const leaf = after.get(key.slice(0, slash))?.leaves[Number(key.slice(slash + 1))]
  return leaf === undefined ? fallback : leafRef(c, leaf)
}
