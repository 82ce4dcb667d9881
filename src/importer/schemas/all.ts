import { part1 } from './part-1.ts'
import { part2 } from './part-2.ts'
import { part3 } from './part-3.ts'
import { part4 } from './part-4.ts'

let byName: Map<string, string[]> | undefined

/** The schemas of every operator that can be imported, by name such as `aten::add`. */
export function schemaLines(): ReadonlyMap<string, readonly string[]> {
  byName ??= read([part1, part2, part3, part4].join(''))
  return byName
}

function read(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const name = /^[\w:]+/.exec(line)?.[0]
    if (name === undefined) continue
    found.set(name, [...(found.get(name) ?? []), line])
  }
  return found
}
