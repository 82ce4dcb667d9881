/** A file that is being downloaded into the model store: hidden until it is whole. */
import { createHash, randomBytes } from 'node:crypto'
import { link, lstat, open, readdir, rename, rm, type FileHandle } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { failure, failureWith } from '../errors.ts'
import { isSystemError } from './refusal.ts'
import { isAlive } from './work-dir.ts'

/** Leftovers of other machines that share the store: whether they are still written to only their age can tell. */
const FOREIGN_AGE_MS = 24 * 60 * 60 * 1000
const PARTIAL = /^\..+\.([\da-f]{8})-(\d+)-[\da-f]{16}\.part$/

/** What a file system without hard links answers to `link`. */
const NO_LINKS: ReadonlySet<string | undefined> = new Set([
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EMLINK',
])

export interface Target {
  /** The model store. */
  readonly dir: string
  /** A plain file name. */
  readonly name: string
  /** What is downloaded, for errors. */
  readonly url: string
}

/**
 * Owns `.NAME.<machine>-<process>-<random>.part` in the store from `create` to `discard`, which has to follow in any case. Failures of the
 * disk are SAVE_FAILED, a taken name is FILE_EXISTS.
 */
export class PartialFile {
  readonly #target: Target
  readonly #path: string
  readonly #handle: FileHandle

  private constructor(target: Target, path: string, handle: FileHandle) {
    this.#target = target
    this.#path = path
    this.#handle = handle
  }

  /** Throws FILE_EXISTS at once where the name is taken. */
  static async create(target: Target): Promise<PartialFile> {
    return onDisk(target, async () => {
      if (await isTaken(join(target.dir, target.name))) throw failure('FILE_EXISTS', target.name)
      const unique = `${machine()}-${process.pid}-${randomBytes(8).toString('hex')}`
      const path = join(target.dir, `.${target.name}.${unique}.part`)
      return new PartialFile(target, path, await open(path, 'wx'))
    })
  }

  /** Appends all of the bytes. */
  async write(bytes: Uint8Array): Promise<void> {
    await onDisk(this.#target, () => this.#handle.writeFile(bytes))
  }

  /**
   * Gives the file its name, unless somebody else took it meanwhile: of several at once, one wins. When this resolves
   * the file is on the disk. The result removes it again, unless another file has its name by then.
   */
  async publish(): Promise<{ path: string; remove(): Promise<void> }> {
    const { dir, name } = this.#target
    const path = join(dir, name)
    return onDisk(this.#target, async () => {
      await this.#handle.sync()
      await this.#handle.close()
      await nameWithoutOverwriting(this.#path, path, name)
      await syncFolder(dir)
      const identity = await identityOf(path)
      const remove = async () => {
        if ((await identityOf(path)) === identity) await rm(path, { force: true })
      }
      return { path, remove }
    })
  }

  /** Removes the hidden name, after `publish` too. Should that fail, the next start sweeps it up. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => {})
    await rm(this.#path, { force: true }).catch(() => {})
  }
}

async function onDisk<T>({ url }: Target, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    if (!isSystemError(error)) throw error
    const isFull = error.code === 'ENOSPC' || error.code === 'EDQUOT'
    const reason = isFull ? 'The disk of the model store is full.' : 'The model store cannot be written to.'
    throw failureWith({ cause: error, reason }, 'SAVE_FAILED', url)
  }
}

/** Inode numbers are given out again; the times tell the file from a later one. Undefined where there is no file. */
async function identityOf(path: string): Promise<string | undefined> {
  const stats = await lstat(path, { bigint: true }).catch(() => undefined)
  return stats && [stats.dev, stats.ino, stats.size, stats.mtimeNs].join()
}

async function isTaken(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return false
    throw error
  }
}

async function nameWithoutOverwriting(from: string, to: string, name: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    if (!isSystemError(error)) throw error
    if (error.code === 'EEXIST') throw failure('FILE_EXISTS', name)
    if (!NO_LINKS.has(error.code)) throw error
    await claimAndRename(from, to, name)
  }
}

/**
 * For file systems without hard links. `rename` overwrites; so an empty file takes the name first, which only one can
 * make. Throws FILE_EXISTS for `name`.
 */
export async function claimAndRename(from: string, to: string, name: string): Promise<void> {
  const claim = await open(to, 'wx').catch((error: unknown) => {
    if (isSystemError(error) && error.code === 'EEXIST') throw failure('FILE_EXISTS', name)
    throw error
  })
  try {
    await claim.close()
    await rename(from, to)
  } catch (error) {
    await rm(to, { force: true })
    throw error
  }
}

/** So that the name, too, survives a power cut. Not every system lets one open a folder. */
async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, 'r').catch(() => undefined)
  await handle?.sync().catch(() => {})
  await handle?.close()
}

/** Several containers may share a store, each with the same small process numbers. */
function machine(): string {
  return createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
}

/**
 * Removes what downloads left behind whose server was killed: those of dead processes of this machine, and those of
 * other machines that nobody wrote to for a day. To be called at the start. Returns the names of what it removed.
 */
export async function sweepPartialDownloads(modelStore: string): Promise<string[]> {
  const removed: string[] = []
  for (const name of await readdir(modelStore).catch(() => [])) {
    const [, owner, pid] = PARTIAL.exec(name) ?? []
    if (owner === undefined) continue
    const path = join(modelStore, name)
    const stats = await lstat(path).catch(() => undefined)
    if (stats?.isFile() !== true || !isStale(owner, Number(pid), stats.mtimeMs)) continue
    // What belongs to another user cannot be removed, and does no harm.
    await rm(path, { force: true }).then(
      () => removed.push(name),
      () => {},
    )
  }
  return removed.toSorted()
}

function isStale(owner: string, pid: number, modifiedMs: number): boolean {
  if (owner !== machine()) return Date.now() - modifiedMs > FOREIGN_AGE_MS
  // In a container every server has the same number: what is older than this process is not its own.
  if (pid === process.pid) return modifiedMs < Date.now() - process.uptime() * 1000
  return !isAlive(pid)
}
