import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  readStamp,
  snapshotName,
  snapshotText,
  toStamp,
  type SnapshotContent,
  type SnapshotKind,
} from './snapshot-text.ts'

export interface SnapshotOptions {
  /** Made when it is not there. */
  readonly folder: string
  /** How many snapshots stay; older ones are removed. */
  readonly keep?: number
  readonly now?: () => Date
  /** Told when a snapshot cannot be written; the ones before it stay as they are. */
  readonly warn: (message: string, fields: Record<string, unknown>) => void
}

interface Wanted {
  readonly kind: SnapshotKind
  readonly content: SnapshotContent
}

const KEEP = 10
const ABANDONED_MS = 3_600_000

/** Writes snapshots of what is served. An older one is touched only when a newer one is whole and on the disk. */
export class SnapshotStore {
  readonly #options: Required<SnapshotOptions>
  #wanted: Wanted | undefined
  #running: Promise<void> | undefined

  constructor({ folder, keep = KEEP, now = () => new Date(), warn }: SnapshotOptions) {
    this.#options = { folder, keep: Math.max(1, keep), now, warn }
  }

  /**
   * Writes this state, or a later one that is asked for meanwhile: one file is written at a time, and the last state
   * wins. Resolves when that is done, also when it could not be done, which is told.
   */
  write(kind: SnapshotKind, content: SnapshotContent): Promise<void> {
    this.#wanted = { kind, content }
    this.#running ??= this.#writeAll()
    return this.#running
  }

  async #writeAll(): Promise<void> {
    try {
      for (let wanted = this.#take(); wanted !== undefined; wanted = this.#take()) {
        await this.#writeOne(wanted)
      }
    } finally {
      this.#running = undefined
    }
  }

  #take(): Wanted | undefined {
    const wanted = this.#wanted
    this.#wanted = undefined
    return wanted
  }

  async #writeOne({ kind, content }: Wanted): Promise<void> {
    const { folder, keep, now, warn } = this.#options
    try {
      await mkdir(folder, { recursive: true })
      const created = now()
      const names = await readdir(folder)
      const before = sortSnapshots(names)
      // Later than all that is there, also after the clock was put back: the newest name is the newest state.
      const newest = before.at(-1)?.stamp ?? -Infinity
      const stamp = Math.max(toStamp(created), newest + 1)
      const name = snapshotName(stamp, kind)
      await writeWhole(folder, name, snapshotText(name, created, content))
      const surplus = before.slice(0, Math.max(0, before.length + 1 - keep)).map(snapshot => snapshot.name)
      await this.#remove([...surplus, ...names.filter(draft => isAbandoned(draft, stamp))])
    } catch (error) {
      warn('A snapshot could not be written; the one before it stays', { folder, kind, err: error })
    }
  }

  async #remove(names: readonly string[]): Promise<void> {
    const { folder, warn } = this.#options
    const removals = names.map(name => rm(join(folder, name), { force: true }))
    for (const result of await Promise.allSettled(removals)) {
      if (result.status === 'rejected')
        warn('An old snapshot could not be removed', { folder, err: result.reason })
    }
  }
}

/** The snapshots among the names of files, the newest last. */
function sortSnapshots(names: readonly string[]): { name: string; stamp: number }[] {
  const found = names.flatMap(name => {
    const stamp = readStamp(name)
    return stamp === undefined ? [] : [{ name, stamp }]
  })
  return found.toSorted((a, b) => a.stamp - b.stamp || (a.name < b.name ? -1 : 1))
}

const draftOf = (name: string) => `.${name}.tmp`

/** Whether a file is a draft that a server left behind when it was killed. */
function isAbandoned(file: string, now: number): boolean {
  const stamp = readStamp(/^\.(.*)\.tmp$/.exec(file)?.[1] ?? '')
  return stamp !== undefined && stamp < now - ABANDONED_MS
}

/** Writes a file so that it is there as a whole or not at all, also when the power fails. Nothing else is left. */
async function writeWhole(folder: string, name: string, text: string): Promise<void> {
  const draft = join(folder, draftOf(name))
  try {
    const file = await open(draft, 'w', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, join(folder, name))
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {}) // The first error is the one to tell.
    throw error
  }
  if (process.platform === 'win32') return // Folders cannot be opened there.
  const directory = await open(folder, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
