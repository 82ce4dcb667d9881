/** Snapshots of what a server served, as it and TorchServe write them: https://github.com/pytorch/serve/blob/master/docs/snapshot.md */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { toFailure } from '../errors.ts'
import { parseProperties } from './properties.ts'
import { showValue } from './shown.ts'
import { LONGEST_TIMER_S } from './timers.ts'

const count = z.int32().nonnegative()
/** Seconds. */
const timeout = z.number().nonnegative().max(LONGEST_TIMER_S)

/** One version in a snapshot: the first six fields are mandatory, as in TorchServe; unknown ones are left alone. */
const Version = z
  .object({
    defaultVersion: z.boolean(),
    marName: z.string().min(1),
    minWorkers: count,
    maxWorkers: count,
    batchSize: count.positive(),
    /** Milliseconds. */
    maxBatchDelay: count,
    responseTimeout: timeout.optional(),
    startupTimeout: timeout.optional(),
    runtimeType: z.string().optional(),
    handler: z.string().optional(),
  })
  .refine(({ minWorkers, maxWorkers }) => minWorkers <= maxWorkers, {
    path: ['maxWorkers'],
    error: 'expected minWorkers or more',
  })

const Snapshot = z.object({
  models: z.record(z.string(), z.record(z.string(), z.unknown())),
})

/** One version that a snapshot restores. */
export type SnapshotModel = Readonly<z.infer<typeof Version>> & {
  readonly name: string
  readonly version: string
}

/** What a snapshot restores, and what it names that cannot be restored, each in a sentence. */
export interface SnapshotModels {
  readonly models: readonly SnapshotModel[]
  readonly warnings: readonly string[]
}

/** The newest snapshot of a folder that can be read. */
export interface StoredSnapshot {
  /** As a person finds it: the folder as it was given, and the file's name. */
  readonly file: string
  readonly text: string
  readonly models: readonly SnapshotModel[]
}

/** Where snapshots lie, relative to the current directory: TorchServe's variable, else its default. */
export function snapshotFolder(env: Readonly<Record<string, string | undefined>>): string {
  return join(env['LOG_LOCATION']?.trim() || 'logs', 'config')
}

/**
 * The models in the value of `model_snapshot`. A version that is not as it should be is left out with a warning. The
 * result is a sentence when nothing is left, or it is no snapshot at all.
 */
export function parseSnapshotModels(text: string): SnapshotModels | string {
  let tree: unknown
  try {
    tree = JSON.parse(text)
  } catch {
    return 'model_snapshot is not JSON'
  }
  const parsed = Snapshot.safeParse(tree)
  if (!parsed.success) return problemAt([], parsed.error)
  const models: SnapshotModel[] = []
  const problems: string[] = []
  for (const [name, versions] of Object.entries(parsed.data.models)) {
    for (const [version, given] of Object.entries(versions)) {
      const fields = Version.safeParse(given)
      if (fields.success) models.push({ ...fields.data, name, version })
      else problems.push(problemAt(['models', name, version], fields.error))
    }
  }
  const [first] = problems
  if (models.length === 0 && first !== undefined) return first
  return { models, warnings: problems.map(problem => `${problem}; this version is not restored`) }
}

function problemAt(above: readonly string[], { issues }: z.ZodError): string {
  const { path, message } = issues[0]!
  return `model_snapshot${[...above, ...path].map(key => `.${showValue(String(key))}`).join('')}: ${message}`
}

const NAME = /^\d{17}-(?:startup|snapshot|shutdown)\.cfg$/

/**
 * The snapshot with the latest name that can be read. One that cannot, such as one that was cut off, is told in
 * `warnings`, and the one before it is taken. `shown` is how the folder is named to a person.
 */
export async function readNewestSnapshot(
  folder: string,
  shown: string = folder,
): Promise<{ snapshot: StoredSnapshot | undefined; warnings: string[] }> {
  const warnings: string[] = []
  for (const name of (await listNames(folder, warnings))
    .filter(found => NAME.test(found))
    .toSorted()
    .toReversed()) {
    const file = join(shown, name)
    try {
      const text = await readFile(join(folder, name), 'utf8')
      const models = readModels(text, name)
      // What its text names and cannot be restored is told by whoever reads the text.
      if (typeof models !== 'string') return { snapshot: { file, text, models: models.models }, warnings }
      warnings.push(skipped(file, models))
    } catch (error) {
      warnings.push(skipped(file, codeOf(error) ?? toFailure(error).message))
    }
  }
  return { snapshot: undefined, warnings }
}

function readModels(text: string, name: string): SnapshotModels | string {
  const models = parseProperties(text, name).entries.get('model_snapshot')
  return models === undefined
    ? 'it has no model_snapshot; it may have been cut off'
    : parseSnapshotModels(models.value)
}

/** No folder is no snapshots; one that cannot be read is told. */
async function listNames(folder: string, warnings: string[]): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    const code = codeOf(error)
    if (code !== 'ENOENT')
      warnings.push(`Snapshots in ${showValue(folder)} cannot be read: ${code ?? 'unknown'}`)
    return []
  }
}

const skipped = (file: string, why: string) => `The snapshot ${showValue(file)} is not used: ${why}`

function codeOf(error: unknown): string | undefined {
  return error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    /^E[A-Z]+$/.test(error.code)
    ? error.code
    : undefined
}
