import { failure, toFailure } from '../errors.ts'
import type { Given } from './flags.ts'
import { didYouMean } from '../nearest.ts'
import { parseProperties, substituteVariables } from './properties.ts'
import { quote } from './shown.ts'
import { findKey, keys, type KeyName } from './schema.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** What one source says. Problems stop the start, warnings do not. */
export interface Source {
  readonly values: ReadonlyMap<KeyName, Given>
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

/** TS_ variables that are read elsewhere or, like TS_BENCHMARK, belong to TorchServe's Python side. */
const otherVariables = new Set(['TS_CONFIG_FILE', 'TS_BENCHMARK'])

const keyByVariable = new Map(keys.flatMap(key => (key.env === undefined ? [] : [[key.env, key] as const])))

/** Reads the text of a properties file; `fileName` is how it is named to a person. */
export function readProperties(text: string, fileName: string, env: Environment): Source {
  const values = new Map<KeyName, Given>()
  const problems: string[] = []
  const { entries, warnings } = parseProperties(text, fileName)
  for (const [name, { value, line }] of entries) {
    const where = `${fileName} line ${line}`
    const key = findKey(name)
    if (key === undefined) {
      problems.push(
        `Unknown key ${quote(name)} in ${where}${didYouMean(
          name,
          keys.map(({ name: known }) => known),
        )}`,
      )
      continue
    }
    try {
      values.set(key.name, { text: substituteVariables(value, env), where })
    } catch (error) {
      problems.push(`${toFailure(error).message} (${name} in ${where})`)
    }
  }
  return { values, problems, warnings }
}

/**
 * Reads the TS_ variables. An empty one counts as not set. One that belongs to no key is a warning, not an error: other
 * software may use the prefix.
 */
export function readEnvironment(env: Environment, useAllowedUrls: boolean): Source {
  const values = new Map<KeyName, Given>()
  const warnings: string[] = []
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('TS_') || text === undefined || text.trim() === '' || otherVariables.has(name))
      continue
    const key = keyByVariable.get(name)
    if (key === undefined) warnings.push(unknownVariable(name))
    else if (key.name === 'allowed_urls' && !useAllowedUrls) {
      warnings.push('TS_ALLOWED_URLS is ignored: use_env_allowed_urls is not true')
    } else values.set(key.name, { text, where: name })
  }
  return { values, problems: [], warnings }
}

function unknownVariable(name: string): string {
  const key = findKey(name.slice('TS_'.length).toLowerCase())
  if (key !== undefined && key.env === undefined) {
    return `${name} is ignored: ${key.name} is not read from the environment`
  }
  return `${quote(name)} is ignored: no key has this variable${didYouMean(name, keyByVariable.keys())}`
}

/** The variables of other standards that stand in for a key that nothing else sets. */
export function readStandardVariables(env: Environment): Source {
  const endpoint = env.OTEL_EXPORTER_OTLP_ENDPOINT?.trim()
  const values = new Map<KeyName, Given>()
  if (endpoint) values.set('otlp_endpoint', { text: endpoint, where: 'OTEL_EXPORTER_OTLP_ENDPOINT' })
  return { values, problems: [], warnings: [] }
}

/** What the program itself sets in place of the schema's defaults. Throws BAD_CONFIG for a key that does not exist. */
export function readDefaults(defaults: Readonly<Record<string, string>>): Source {
  const values = new Map<KeyName, Given>()
  for (const [name, text] of Object.entries(defaults)) {
    const key = findKey(name)
    if (key === undefined) throw failure('BAD_CONFIG', `Unknown key ${quote(name)} in the defaults`)
    values.set(key.name, { text, where: 'default' })
  }
  return { values, problems: [], warnings: [] }
}
