/** Snapshots of what a server served, as it and TorchServe write them: https://github.com/pytorch/serve/blob/master/docs/snapshot.md */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { toFailure } from '../errors.ts'
import { parseProperties } from './properties.ts'
import { showValue } from './shown.ts'

const count = z.int32().nonnegative()
const positive = z.number().positive().max(2_147_483)

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
    /** Seconds. */
    responseTimeout: positive.optional(),
    /** Seconds. */
    startupTimeout: positive.optional(),
    runtimeType: z.string().optional(),
    handler: z.string().optional(),
  })
  .refine(({ minWorkers, maxWorkers }) => minWorkers <= maxWorkers, {
    path: ['maxWorkers'],
    error: 'expected minWorkers or more',
  })

const Snapshot = z.object({
  models: z.record(z.string(), z.record(z.string(), Version)),
})

/** One version that a snapshot restores. */
export type SnapshotModel = Readonly<z.infer<typeof Version>> & {
  readonly name: string
  readonly version: string
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

/** The models in the value of `model_snapshot`. The result is a sentence when it is none. */
export function parseSnapshotModels(text: string): SnapshotModel[] | string {
  let tree: unknown
  try {
    tree = JSON.parse(text)
  } catch {
    return 'model_snapshot is not JSON'
  }
  const parsed = Snapshot.safeParse(tree)
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!
    return `model_snapshot${path.map(key => `.${showValue(String(key))}`).join('')}: ${message}`
  }
  return Object.entries(parsed.data.models).flatMap(([name, versions]) =>
    Object.entries(versions).map(([version, fields]) => ({ ...fields, name, version })),
  )
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
      if (typeof models !== 'string') return { snapshot: { file, text, models }, warnings }
      warnings.push(skipped(file, models))
    } catch (error) {
      warnings.push(skipped(file, codeOf(error) ?? toFailure(error).message))
    }
  }
  return { snapshot: undefined, warnings }
}

function readModels(text: string, name: string): SnapshotModel[] | string {
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
