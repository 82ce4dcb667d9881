import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import {
  copyFile,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { hashFile } from './fingerprint.ts'

export interface KeptOptions {
  /** Where results are kept. Made if it is not there; where it cannot be written they live only in `workDir`. */
  readonly dir: string
  /** Of this server alone: what its models use lies here, so that nothing that is cleared away is missed. */
  readonly workDir: string
  /** Above it the results that were not used for longest are removed. */
  readonly maxBytes: number
  /** The file of the record beside each result. */
  readonly record: string
  /** What the log gets where the folder cannot be written, and where a result is damaged. */
  readonly words: { readonly unwritable: string; readonly damaged: string }
  warn(message: string, fields: Record<string, unknown>): void
}

/** A result as it is kept: the files of a folder and the report of how they were made. */
export interface Kept<R> {
  readonly dir: string
  readonly names: readonly string[]
  readonly report: R
  readonly isNew: boolean
}

/** The files of a result in a folder that `release` removes. */
export interface Placed {
  readonly dir: string
  release(): Promise<void>
}

/** What lies beside a result: the sizes and hashes of its files, and the report. */
interface Entry<R> {
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly sha256: string }[]
  readonly report: R
}

/** Of results that a server did not live to finish. */
const PARTIAL = '.partial-'
const PARTIAL_LIFE_MS = 24 * 3600 * 1000
const MAX_ATTEMPTS = 3

/**
 * A folder of results, each under the key that says what it was made from. Servers share it: a result appears under its
 * name at once and whole. What has changed since it was written is noticed, removed and made again.
 */
export class KeptResults<R> {
  readonly #options: KeptOptions
  /** Results that are being found or made: who asks for the same waits for the same. */
  readonly #running = new Map<string, Promise<Kept<R>>>()
  #folder: Promise<string> | undefined

  constructor(options: KeptOptions) {
    this.#options = options
  }

  /** The result of this key; where there is none, `make` writes its files into a folder. What it throws is thrown. */
  async findOrMake(key: string, make: (dir: string) => Promise<R>): Promise<Kept<R>> {
    const running = this.#running.get(key)
    if (running !== undefined) return running
    const promise = this.#findOrMake(key, make).finally(() => this.#running.delete(key))
    this.#running.set(key, promise)
    return promise
  }

  /** `findOrMake` and `place` at once: what another server, or a trim, removes in between is found or made again. */
  async take(key: string, make: (dir: string) => Promise<R>): Promise<{ kept: Kept<R>; placed: Placed }> {
    for (let attempt = 1; ; attempt++) {
      const kept = await this.findOrMake(key, make)
      try {
        return { kept, placed: await this.place(kept) }
      } catch (error) {
        if (!isMissing(error) || attempt === MAX_ATTEMPTS) throw error
      }
    }
  }

  /** The result's files in a folder of its own below `workDir`, which `release` removes. */
  async place({ dir: from, names }: Kept<R>): Promise<Placed> {
    const dir = join(this.#options.workDir, randomBytes(16).toString('hex'))
    const release = () => rm(dir, { recursive: true, force: true })
    try {
      await mkdir(dir, { mode: 0o700 })
      for (const name of names) await placeFile(join(from, name), join(dir, name))
    } catch (error) {
      await release()
      throw error
    }
    return { dir, release }
  }

  async #findOrMake(key: string, make: (dir: string) => Promise<R>): Promise<Kept<R>> {
    this.#folder ??= this.#openFolder()
    const folder = await this.#folder
    const dir = join(folder, key)
    const entry = await this.#read(dir)
    if (entry !== undefined) {
      await utimes(dir, new Date(), new Date()).catch(() => {}) // Another user's folder: it is used all the same.
      return asKept(dir, entry, false)
    }
    const partial = join(folder, `${PARTIAL}${randomBytes(8).toString('hex')}`)
    try {
      // With the folder, where somebody has cleared it away meanwhile.
      await mkdir(partial, { recursive: true, mode: 0o700 })
      const made = await this.#record(partial, await make(partial))
      await this.#keep(partial, dir)
      await trim(folder, key, this.#options.maxBytes)
      return asKept(dir, made, true)
    } finally {
      await rm(partial, { recursive: true, force: true })
    }
  }

  async #record(dir: string, report: R): Promise<Entry<R>> {
    const files: Entry<R>['files'][number][] = []
    for (const name of (await readdir(dir)).toSorted()) {
      const { size } = await stat(join(dir, name))
      files.push({ name, bytes: size, sha256: await hashFile(join(dir, name)) })
    }
    const entry = { files, report }
    await writeFile(join(dir, this.#options.record), JSON.stringify(entry))
    return entry
  }

  /** Puts the result under its name. Another server may have done so first: its result is the same. */
  async #keep(partial: string, dir: string): Promise<void> {
    try {
      await rename(partial, dir)
    } catch {
      if ((await this.#read(dir)) !== undefined) return
      await discard(dir) // Something without a record is in the way.
      await rename(partial, dir)
    }
  }

  /** What is kept in a folder, where each of its files is as it was written; what has changed is removed. */
  async #read(dir: string): Promise<Entry<R> | undefined> {
    const text = await readFile(join(dir, this.#options.record), 'utf8').catch(() => undefined)
    if (text === undefined) return undefined
    try {
      // This class wrote it; what somebody else made of it fails here or at the hashes.
      const entry = JSON.parse(text) as Entry<R>
      for (const { name, sha256 } of entry.files) {
        if ((await hashFile(join(dir, name))) !== sha256) throw new Error(`${name} has changed`)
      }
      if (entry.files.length > 0) return entry
      throw new Error('it has no files')
    } catch (error) {
      this.#options.warn(this.#options.words.damaged, { reason: String(error) })
      await discard(dir)
      return undefined
    }
  }

  async #openFolder(): Promise<string> {
    const { dir, workDir, words } = this.#options
    try {
      await mkdir(dir, { recursive: true, mode: 0o700 })
      const probe = join(dir, `${PARTIAL}${randomBytes(8).toString('hex')}`)
      await mkdir(probe)
      await rm(probe, { recursive: true })
      await sweep(dir)
      return dir
    } catch (error) {
      const folder = join(workDir, `kept-${randomBytes(8).toString('hex')}`)
      this.#options.warn(words.unwritable, { folder: dir, reason: String(error) })
      await mkdir(folder, { recursive: true, mode: 0o700 })
      return folder
    }
  }
}

function asKept<R>(dir: string, { files, report }: Entry<R>, isNew: boolean): Kept<R> {
  return { dir, names: files.map(({ name }) => name), report, isNew }
}

/** Takes a result away at once, so that no other server sees half of it, and then removes its files. */
async function discard(dir: string): Promise<void> {
  const aside = join(dirname(dir), `${PARTIAL}${randomBytes(8).toString('hex')}`)
  try {
    await rename(dir, aside)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  await rm(aside, { recursive: true, force: true })
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

/** The same bytes under a second name, which costs nothing; a copy across file systems. */
async function placeFile(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => copyFile(from, to, constants.COPYFILE_FICLONE))
}

async function sweep(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (!name.startsWith(PARTIAL)) continue
    const stats = await stat(join(dir, name)).catch(() => undefined)
    const isOld = stats !== undefined && Date.now() - stats.mtimeMs > PARTIAL_LIFE_MS
    if (isOld) await rm(join(dir, name), { recursive: true, force: true })
  }
}

/** Removes the results that were not used for longest until the rest fits; never the one of this key. */
async function trim(folder: string, key: string, maxBytes: number): Promise<void> {
  const others: { path: string; usedMs: number; bytes: number }[] = []
  let total = 0
  for (const name of await readdir(folder)) {
    if (name.startsWith(PARTIAL)) continue
    const path = join(folder, name)
    const bytes = await sizeOf(path)
    total += bytes
    const stats = await stat(path).catch(() => undefined)
    if (name !== key && stats !== undefined) others.push({ path, usedMs: stats.mtimeMs, bytes })
  }
  for (const { path, bytes } of others.toSorted((a, b) => a.usedMs - b.usedMs)) {
    if (total <= maxBytes) return
    await discard(path)
    total -= bytes
  }
}

/** Bytes of a result's files; 0 for what another server removes meanwhile. */
async function sizeOf(dir: string): Promise<number> {
  const names = await readdir(dir).catch(() => [])
  const sizes = await Promise.all(
    names.map(name =>
      stat(join(dir, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
