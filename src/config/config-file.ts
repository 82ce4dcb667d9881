import type { KeyName } from './schema.ts'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { exists } from './check.ts'
import type { Flags } from './flags.ts'
import { isPbtxt, readDeclaration } from './pbtxt.ts'
import { planRestore } from './restore.ts'
import { showValue } from './shown.ts'
import { readNewestSnapshot, snapshotFolder } from './snapshot.ts'
import { readProperties, type Environment, type Source } from './sources.ts'

export interface ConfigFile extends Source {
  /** The handler of the model that the file declares. */
  readonly handler?: string | undefined
  /** Whether this start names the file. */
  readonly isAskedFor: boolean
}

export interface FileInput {
  readonly flags: Flags
  readonly env: Environment
  readonly cwd: string
}

const NOT_FOUND = 'not found'
const NOTHING: Source = { values: new Map(), problems: [], warnings: [] }

/** The file that is asked for, or the one in the current directory when there is one. */
export async function readConfigFile({ flags, env, cwd }: FileInput): Promise<ConfigFile> {
  const variable = env['TS_CONFIG_FILE']?.trim() || undefined
  const asked = variable ?? flags.configFile
  const isAskedFor = asked !== undefined
  const path = asked ?? 'config.properties'
  const read = await readNamedFile(resolve(cwd, path), showValue(path), env)
  if (typeof read !== 'string') return { ...read, isAskedFor }
  if (!isAskedFor && read === NOT_FOUND) return { ...NOTHING, isAskedFor }
  const flag = variable === undefined ? '--ts-config' : 'TS_CONFIG_FILE'
  return { ...NOTHING, problems: [`${flag} file ${read}: ${showValue(path)}`], isAskedFor }
}

/** What a file says, or why it cannot be read; `shown` is how it is named to a person. */
async function readNamedFile(
  path: string,
  shown: string,
  env: Environment,
): Promise<Omit<ConfigFile, 'isAskedFor'> | string> {
  if (!(await exists(path, 'file'))) return NOT_FOUND
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) return 'cannot be read'
  return isPbtxt(path) ? readDeclaration(text, shown) : readProperties(text, shown, env)
}

/** Whether the command line, or the variable that wins over it, names models to load. */
export function areModelsGiven({ values }: Flags, env: Environment): boolean {
  return Boolean(values.get('load_models')?.text.trim() || env['TS_LOAD_MODELS']?.trim())
}

/**
 * The newest snapshot as a source, when it is to be restored; and what the log shall say about it. It can never stop
 * the start: what is wrong in it is a warning.
 */
export async function readSnapshot({ flags, env, cwd }: FileInput, file: ConfigFile): Promise<Source> {
  const isConfigFileGiven = file.isAskedFor || file.values.has('model_snapshot')
  if (flags.areSnapshotsOff || isConfigFileGiven) return NOTHING
  const folder = snapshotFolder(env)
  const { snapshot, warnings } = await readNewestSnapshot(resolve(cwd, folder), folder)
  const { restore, say } = planRestore({
    snapshot,
    areModelsGiven: areModelsGiven(flags, env),
    isConfigFileGiven,
    areSnapshotsOff: flags.areSnapshotsOff,
  })
  const said = [...warnings, ...(say === '' ? [] : [say])]
  if (!restore || snapshot === undefined) return { ...NOTHING, warnings: said }
  const read = readProperties(snapshot.text, showValue(snapshot.file), env)
  const values = new Map([...read.values].filter(([name]) => !NOT_RESTORED.has(name)))
  return { values, problems: [], warnings: [...said, ...read.problems, ...read.warnings] }
}

/** What opens the server to others has to be said at each start; a file that was left behind does not count. */
const NOT_RESTORED: ReadonlySet<KeyName> = new Set<KeyName>([
  'enable_model_api',
  'disable_token_authorization',
  'allowed_urls',
])
