import type { Node, Scope } from './scope.ts'

/** Removes the nodes that no output needs, within branches and bodies too. Gives the names of all values that are used. */
export function removeDead(scope: Scope): Set<string> {
  const used = new Set(scope.outputs.map(output => output.name))
  const kept: Node[] = []
  for (const node of scope.nodes.toReversed()) {
    if (!node.outputs.some(output => used.has(output))) continue
    for (const attribute of Object.values(node.attributes))
      if ('graph' in attribute) for (const name of removeDead(attribute.graph)) used.add(name)
    for (const input of node.inputs) used.add(input)
    kept.push(node)
  }
  scope.nodes.splice(0, scope.nodes.length, ...kept.toReversed())
  return used
}
