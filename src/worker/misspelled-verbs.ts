import { nearestName } from '../nearest.ts'
import type { Handler } from '../runtime/handler.ts'

/** What the server calls of a handler. */
export const VERBS = [
  'load',
  'preprocess',
  'inference',
  'postprocess',
  'explain',
  'sample',
  'describe',
] as const satisfies readonly (keyof Handler)[]

/** Functions of a handler that nobody calls, and that were probably meant to be a verb which it lacks; as sentences. */
export function misspelledVerbs(handler: Handler): string[] {
  const missing = VERBS.filter(verb => handler[verb] === undefined)
  return functionsOf(handler).flatMap(name => {
    const verb = nearestName(name, missing)
    return verb === undefined ? [] : [`The handler has "${name}", which is no verb; did you mean ${verb}?`]
  })
}

/** Names of an object's own functions and of its class's. Getters are not run. */
function functionsOf(handler: object): string[] {
  const names = new Set<string>()
  let owner: unknown = handler
  while (typeof owner === 'object' && owner !== null && owner !== Object.prototype) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
      if (typeof value === 'function' && name !== 'constructor' && !isVerb(name)) names.add(name)
    }
    owner = Object.getPrototypeOf(owner)
  }
  return [...names]
}

function isVerb(name: string): boolean {
  return VERBS.some(verb => verb === name)
}
