import type { Node, Scope } from './scope.ts'

/** Removes the nodes that no output needs, within branches and bodies too. Gives the names of all values that are used. */
export function removeDead(scope: Scope): Set<string> {
  const used = new Set(scope.outputs.map(output => output.name))
  const kept: Node[] = []
  for (const node of scope.nodes.toReversed()) {
    if (!node.outputs.some(output => used.has(output))) continue
    const graphs = Object.values(node.attributes).flatMap(each => ('graph' in each ? [each.graph] : []))
    for (const name of [...node.inputs, ...graphs.flatMap(graph => [...removeDead(graph)])]) used.add(name)
    kept.push(node)
  }
  scope.nodes.splice(0, scope.nodes.length, ...kept.toReversed())
  return used
}
