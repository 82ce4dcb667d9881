import { refuse } from './refusal.ts'
import type { Key, Value } from './values.ts'

/** A value as the key of a dictionary. */
export function toKey(value: Value): Key {
  const simple =
    typeof value === 'string' ||
    typeof value === 'bigint' ||
    typeof value === 'number' ||
    typeof value === 'boolean'
  return simple ? value : refuse('a dictionary has a key that is no text and no known number')
}
