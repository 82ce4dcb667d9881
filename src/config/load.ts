import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { failure, type Failure } from '../errors.ts'
import {
  checkPaths,
  describeValues,
  exists,
  findRefused,
  findWithoutEffect,
  place,
  type GivenValues,
} from './check.ts'
import { deepFreeze, toConfig, type Config } from './config.ts'
import { parseFlags, type Command, type Flags } from './flags.ts'
import { findKey, keys, Schema, type KeyName, type Values } from './schema.ts'
import { showValue } from './shown.ts'
import {
  readDefaults,
  readEnvironment,
  readProperties,
  readStandardVariables,
  type Environment,
  type Source,
} from './sources.ts'

export interface ConfigInput {
  /** The arguments after the command's name. */
  readonly argv: readonly string[]
  readonly env: Environment
  readonly cwd: string
  /** In place of the schema's defaults, by public key name. */
  readonly defaults?: Readonly<Partial<Record<KeyName, string>>>
}

export interface LoadedConfig {
  /** Frozen all the way down. For a command other than `start` nothing is read: it is the defaults. */
  readonly config: Config
  readonly command: Command
  readonly warnings: readonly string[]
  /** The place that gave each value which is not the schema's default, by public key name. */
  readonly sources: Readonly<Record<string, string>>
  /** The values that differ from the schema's defaults, by public key name, secrets as `***`. */
  readonly describe: () => Record<string, string>
}

const LONGEST_REPORT = 20

/**
 * The configuration from all sources: variables win over flags, flags over the file, the file over the defaults.
 * Throws one BAD_CONFIG with every problem that was found, one line each.
 */
export async function loadConfig(input: ConfigInput): Promise<LoadedConfig> {
  const flags = parseFlags(input.argv)
  const { action } = flags.command
  if (action === 'start') return loadForStart(input, flags)
  if (action === 'stop' && flags.problems.length > 0) throw badConfig(flags.problems)
  return finish(flags.command, new Map(), Schema.parse({}), [])
}

async function loadForStart({ env, cwd, defaults = {} }: ConfigInput, flags: Flags): Promise<LoadedConfig> {
  const file = await readConfigFile(flags.configFile, env, cwd)
  const below = [flags, file, readStandardVariables(env), readDefaults(defaults)]
  const useAllowedUrls = merge(below).get('use_env_allowed_urls')?.text.trim().toLowerCase() === 'true'
  const sources = [readEnvironment(env, useAllowedUrls), ...below]
  const given = merge(sources)
  const parsed = Schema.safeParse(Object.fromEntries(Array.from(given, ([name, { text }]) => [name, text])))
  const problems = [
    ...sources.flatMap(source => source.problems),
    ...(parsed.success
      ? findRefused(given, parsed.data)
      : parsed.error.issues.map(issue => atKey(issue, given))),
    ...(await checkPaths(given, cwd)),
  ]
  if (!parsed.success || problems.length > 0) throw badConfig(problems)
  const values = parsed.data
  const warnings = [
    ...sources.flatMap(source => source.warnings),
    ...values.models.warnings,
    ...findWithoutEffect(given, values),
  ]
  return finish(flags.command, given, resolvePaths(values, cwd), warnings)
}

/** The file that is asked for, or the one in the current directory when there is one. */
async function readConfigFile(asked: string | undefined, env: Environment, cwd: string): Promise<Source> {
  const variable = env.TS_CONFIG_FILE?.trim() || undefined
  const path = variable ?? asked ?? 'config.properties'
  const isAskedFor = variable !== undefined || asked !== undefined
  const problem = (what: string) => ({
    values: new Map(),
    problems: [`${variable === undefined ? '--ts-config' : 'TS_CONFIG_FILE'} ${what}: ${showValue(path)}`],
    warnings: [],
  })
  if (!(await exists(resolve(cwd, path), 'file'))) {
    return isAskedFor ? problem('file not found') : { values: new Map(), problems: [], warnings: [] }
  }
  const text = await readFile(resolve(cwd, path), 'utf8').catch(() => undefined)
  return text === undefined ? problem('file cannot be read') : readProperties(text, showValue(path), env)
}

/** The first source that gives a key wins. */
function merge(sources: readonly { readonly values: GivenValues }[]): GivenValues {
  return new Map(sources.toReversed().flatMap(({ values }) => [...values]))
}

function atKey(issue: { path: PropertyKey[]; message: string }, given: GivenValues): string {
  const key = findKey(String(issue.path[0]))
  return key === undefined ? issue.message : `${place(key, given)}: ${issue.message}`
}

function badConfig(problems: readonly string[]): Failure {
  const more = problems.length - LONGEST_REPORT
  const lines = [...problems.slice(0, LONGEST_REPORT), ...(more > 0 ? [`and ${more} more problems`] : [])]
  return failure('BAD_CONFIG', lines.join('\n'))
}

function resolvePaths(values: Values, cwd: string): Values {
  const absolute = keys.flatMap(({ name, kind }) => {
    const value = values[name]
    return kind === 'path' && typeof value === 'string' ? [[name, resolve(cwd, value)] as const] : []
  })
  return { ...values, ...Object.fromEntries(absolute) }
}

function finish(
  command: Command,
  given: GivenValues,
  values: Values,
  warnings: readonly string[],
): LoadedConfig {
  return Object.freeze({
    config: deepFreeze(toConfig(values)),
    command: Object.freeze(command),
    warnings: Object.freeze(warnings),
    sources: Object.freeze(Object.fromEntries(Array.from(given, ([name, { where }]) => [name, where]))),
    describe: () => describeValues(given, values),
  })
}
