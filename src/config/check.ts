import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Given } from './flags.ts'
import { keys, Schema, type Key, type KeyName, type Values } from './schema.ts'
import { showValue } from './shown.ts'

/** The keys that a source gave, each with the text and the place that won. */
export type GivenValues = ReadonlyMap<KeyName, Given>

const defaults = Schema.parse({})

/** Whether a key was given a value other than its default. */
function isChanged(key: Key, given: GivenValues, values: Values): boolean {
  return given.has(key.name) && !isDeepStrictEqual(values[key.name], defaults[key.name])
}

/** The keys that differ from the schema's defaults, as text, secrets as `***`. */
export function describeValues(given: GivenValues, values: Values): Record<string, string> {
  const changed = keys.filter(key => key.standing !== 'ignored' && isChanged(key, given, values))
  return Object.fromEntries(changed.map(key => [key.name, showValue(given.get(key.name)!.text, key.secret)]))
}

/** Keys that ask for more safety than there is: starting without it in silence would be worse than not starting. */
export function findRefused(given: GivenValues, values: Values): string[] {
  const asked = keys
    .filter(key => key.standing === 'refused' && isChanged(key, given, values))
    .map(
      key =>
        `${place(key, given)}: TLS and tokens are not supported yet, so the server would be open; refused`,
    )
  const encrypted = (['inference_address', 'management_address', 'metrics_address'] as const)
    .filter(name => 'scheme' in values[name] && values[name].scheme === 'https')
    .map(
      name =>
        `${name}=${values[name].text}: TLS is not supported yet; use http:// behind a proxy that has TLS`,
    )
  return [...asked, ...encrypted]
}

/** One line for all keys without a meaning here, and one for all keys whose feature is still to come. */
export function findWithoutEffect(given: GivenValues, values: Values): string[] {
  const named = (standing: Key['standing']) =>
    keys.filter(key => key.standing === standing && isChanged(key, given, values)).map(key => key.name)
  const ignored = named('ignored')
  const later = named('not yet')
  return [
    ...(ignored.length === 0
      ? []
      : [
          `Accepted without effect, as they are for Python, Java, GPUs or other versions: ${ignored.join(', ')}`,
        ]),
    ...(later.length === 0 ? [] : [`Not supported yet, ignored: ${later.join(', ')}`]),
  ]
}

const files = [
  { key: 'model_store', name: '--model-store', kind: 'directory' },
  { key: 'workflow_store', name: '--workflow-store', kind: 'directory' },
  { key: 'metrics_config', name: 'metrics_config', kind: 'file' },
] as const

/** Whether the folders and files that are named exist, and whether the one that must be named is. */
export async function checkPaths(given: GivenValues, cwd: string): Promise<string[]> {
  const problems: string[] = []
  for (const { key, name, kind } of files) {
    const path = given.get(key)?.text.trim()
    if (path && !(await exists(resolve(cwd, path), kind))) {
      problems.push(`${name} ${kind} not found: ${showValue(path)}`)
    }
  }
  if (!given.get('model_store')?.text.trim()) problems.push('Missing mandatory parameter --model-store')
  return problems
}

/** Whether `path` is there and is what is expected; a path that cannot be looked at is not. */
export async function exists(path: string, kind: 'file' | 'directory'): Promise<boolean> {
  try {
    const found = await stat(path)
    return kind === 'file' ? found.isFile() : found.isDirectory()
  } catch {
    return false
  }
}

/** `job_queue_size=abc (config.properties line 7)`. */
export function place(key: Key, given: GivenValues): string {
  const value = given.get(key.name)
  return value === undefined ? key.name : `${key.name}=${showValue(value.text, key.secret)} (${value.where})`
}
