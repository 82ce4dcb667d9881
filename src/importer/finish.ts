import type { Context } from './context.ts'
import type { Initializer } from './constants.ts'
import { removeDead } from './dead-code.ts'
import type { Ref } from './ref.ts'
import type { Node, Scope } from './scope.ts'

/** Declares the outputs, removes what they do not need, and gives the constants that are left. */
export function finishGraph(c: Context, outputs: readonly (readonly [string, Ref])[]): Initializer[] {
  const { g } = c
  g.path = ''
  const inputs = new Set(g.top.inputs.map(input => input.name))
  const renamed = new Map<string, string>()
  const taken = new Set<string>()
  for (const [wish, ref] of outputs) {
    const source = g.nameOf(ref)
    const name = g.unique(wish)
    const direct =
      ref.content.kind === 'value' &&
      !inputs.has(source) &&
      !g.constants.all.has(source) &&
      !taken.has(source)
    if (direct) renamed.set(source, name)
    else
      g.top.nodes.push({
        type: 'Identity',
        name: g.unique('Identity'),
        inputs: [source],
        outputs: [name],
        attributes: {},
      })
    taken.add(source)
    g.top.outputs.push({ name, dtype: ref.dtype, shape: ref.shape })
  }
  rename(g.top, renamed)
  const used = removeDead(g.top)
  return [...g.constants.all.values()].filter(each => used.has(each.name))
}

function rename(scope: Scope, names: ReadonlyMap<string, string>): void {
  const to = (name: string) => names.get(name) ?? name
  const nodes = scope.nodes.map((node): Node => {
    for (const attribute of Object.values(node.attributes))
      if ('graph' in attribute) rename(attribute.graph, names)
    return { ...node, inputs: node.inputs.map(to), outputs: node.outputs.map(to) }
  })
  scope.nodes.splice(0, scope.nodes.length, ...nodes)
}

/** How many nodes there are, those of branches and bodies included. */
export function countNodes(scope: Scope): number {
  return scope.nodes.reduce((count, node) => {
    const inner = Object.values(node.attributes).map(each => ('graph' in each ? countNodes(each.graph) : 0))
    return count + 1 + inner.reduce((a, b) => a + b, 0)
  }, 0)
}
