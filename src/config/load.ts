import { resolve } from 'node:path'
import { failure, type Failure } from '../errors.ts'
import {
  checkPaths,
  describeForSnapshot,
  describeValues,
  findRefused,
  findUnusedTls,
  findWithoutEffect,
  place,
  type GivenValues,
} from './check.ts'
import { areModelsGiven, readConfigFile, readSnapshot, type ConfigFile } from './config-file.ts'
import { deepFreeze, toConfig, type Config } from './config.ts'
import { parseFlags, type Command, type Flags } from './flags.ts'
import { findKey, keys, Schema, type KeyName, type Values } from './schema.ts'
import { snapshotFolder } from './snapshot.ts'
import { readDefaults, readEnvironment, readStandardVariables, type Environment } from './sources.ts'

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
  /** Where snapshots go, an absolute path, and the configuration for them; undefined: none are written. */
  readonly snapshots:
    { readonly folder: string; readonly config: Readonly<Record<string, string>> } | undefined
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
  const values = Schema.parse({})
  return finish({ command: flags.command, given: new Map(), values, warnings: [] })
}

async function loadForStart({ env, cwd, defaults = {} }: ConfigInput, flags: Flags): Promise<LoadedConfig> {
  const file = await readConfigFile({ flags, env, cwd })
  const snapshot = await readSnapshot({ flags, env, cwd }, file)
  const below = [flags, file, snapshot, readStandardVariables(env), readDefaults(defaults)]
  const useAllowedUrls = merge(below).get('use_env_allowed_urls')?.text.trim().toLowerCase() === 'true'
  const sources = [readEnvironment(env, useAllowedUrls), ...below]
  const { given, warnings: dropped } = dropSnapshot(merge(sources), areModelsGiven(flags, env))
  const parsed = Schema.safeParse(Object.fromEntries(Array.from(given, ([name, { text }]) => [name, text])))
  const problems = [
    ...sources.flatMap(source => source.problems),
    ...(parsed.success ? findRefused(parsed.data) : parsed.error.issues.map(issue => atKey(issue, given))),
    ...(await checkPaths(given, cwd)),
  ]
  if (!parsed.success || problems.length > 0) throw badConfig(problems)
  const values = withHandler(parsed.data, given, file)
  const warnings = [
    ...sources.flatMap(source => source.warnings),
    ...dropped,
    ...values.models.warnings,
    ...(values.model_snapshot?.warnings ?? []),
    ...findWithoutEffect(given, values),
    ...findUnusedTls(values),
  ]
  const resolved = resolvePaths(values, cwd)
  const snapshots = flags.areSnapshotsOff
    ? undefined
    : { folder: resolve(cwd, snapshotFolder(env)), config: describeForSnapshot(given, resolved) }
  return finish({ command: flags.command, given, values: resolved, warnings, snapshots })
}

/** The models that this start names win over those of a file's snapshot. */
function dropSnapshot(given: GivenValues, areModelsNamed: boolean) {
  const snapshot = given.get('model_snapshot')
  if (snapshot === undefined || !areModelsNamed) return { given, warnings: [] }
  return {
    given: new Map([...given].filter(([name]) => name !== 'model_snapshot')),
    warnings: [`model_snapshot (${snapshot.where}) is not restored, as this start names its models`],
  }
}

/** Gives the model that a file declares the handler that the file names, unless other models are loaded. */
function withHandler(values: Values, given: GivenValues, { handler, values: own }: ConfigFile): Values {
  const models = values.load_models
  const isOwn = handler !== undefined && given.get('load_models') === own.get('load_models')
  if (!isOwn || models === 'all') return values
  return { ...values, load_models: models.map(model => ({ ...model, handler })) }
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
    return kind.endsWith('path') && typeof value === 'string' ? [[name, resolve(cwd, value)] as const] : []
  })
  return { ...values, ...Object.fromEntries(absolute) }
}

interface Loaded {
  readonly command: Command
  readonly given: GivenValues
  readonly values: Values
  readonly warnings: readonly string[]
  readonly snapshots?: LoadedConfig['snapshots']
}

function finish({ command, given, values, warnings, snapshots }: Loaded): LoadedConfig {
  return Object.freeze({
    config: deepFreeze(toConfig(values)),
    command: Object.freeze(command),
    warnings: Object.freeze(warnings),
    sources: Object.freeze(Object.fromEntries(Array.from(given, ([name, { where }]) => [name, where]))),
    snapshots: snapshots && deepFreeze(snapshots),
    describe: () => describeValues(given, values),
  })
}
