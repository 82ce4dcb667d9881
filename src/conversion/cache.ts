import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImportReport } from '../importer/import.ts'
import type { InputSpec } from '../importer/inputs.ts'
import { convert, type ConverterOptions } from './convert.ts'
import { fingerprint, hashFile } from './fingerprint.ts'
import type { ConversionStage } from './messages.ts'

export interface ImportCacheOptions {
  /** Where results are kept. Made if it is not there; where it cannot be written they live only in `workDir`. */
  readonly dir: string
  /** Of this server alone: what its models use lies here, so that nothing that is cleared away is missed. */
  readonly workDir: string
  readonly converter: ConverterOptions
  warn(message: string, fields: Record<string, unknown>): void
}

/** Who wants to know how an import is doing. Decides nothing. */
export interface ImportObserver {
  onStage(stage: ConversionStage): void
  /** `seconds` for all of it. */
  onDone(report: ImportReport, from: 'import' | 'cache', seconds: number): void
}

/** The result of an import, in a folder of its own. */
export interface Imported {
  readonly dir: string
  readonly modelFile: string
  /** Removes the folder. */
  release(): Promise<void>
}

/** What lies beside a result: the sizes and hashes of its files, and the report. */
interface Entry {
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly sha256: string }[]
  readonly report: ImportReport
}

const MODEL = 'model.onnx'
const RECORD = 'import.json'
/** Of imports that a server did not live to finish. */
const PARTIAL = '.partial-'
const PARTIAL_LIFE_MS = 24 * 3600 * 1000

/** Imports PyTorch files, each once: results are kept by what they depend on. Knows nothing of models. */
export class ImportCache {
  readonly #options: ImportCacheOptions
  /** Imports that run, by fingerprint: who asks for the same waits for the same. */
  readonly #running = new Map<string, Promise<Found>>()
  readonly #closing = new AbortController()
  #folder: Promise<string> | undefined

  constructor(options: ImportCacheOptions) {
    this.#options = options
  }

  /** The result for a file, from the cache or fresh. Throws IMPORT_REFUSED or IMPORT_FAILED; then nothing is left. */
  async open(
    file: string,
    inputs: readonly InputSpec[] | undefined,
    observer: ImportObserver,
  ): Promise<Imported> {
    const startedAt = performance.now()
    const key = await fingerprint(file, inputs)
    const found = await this.#once(key, () => this.#findOrMake(key, { file, inputs, observer }))
    const dir = join(this.#options.workDir, randomBytes(16).toString('hex'))
    const release = () => rm(dir, { recursive: true, force: true })
    try {
      await mkdir(dir, { mode: 0o700 })
      for (const { name } of found.entry.files) await place(join(found.dir, name), join(dir, name))
    } catch (error) {
      await release()
      throw error
    }
    observer.onDone(found.entry.report, found.from, (performance.now() - startedAt) / 1000)
    return { dir, modelFile: join(dir, MODEL), release }
  }

  /** Ends the imports that run; none begins any more. */
  close(): void {
    this.#closing.abort()
  }

  async #once(key: string, find: () => Promise<Found>): Promise<Found> {
    const running = this.#running.get(key)
    if (running !== undefined) return running
    const promise = find().finally(() => this.#running.delete(key))
    this.#running.set(key, promise)
    return promise
  }

  async #findOrMake(key: string, wish: Wish): Promise<Found> {
    this.#folder ??= this.#openFolder()
    const folder = await this.#folder
    const dir = join(folder, key)
    const entry = await this.#read(dir)
    if (entry !== undefined) return { dir, entry, from: 'cache' }
    const partial = join(folder, `${PARTIAL}${randomBytes(8).toString('hex')}`)
    try {
      await mkdir(partial, { mode: 0o700 })
      const made = await this.#make(partial, wish)
      await this.#keep(partial, dir)
      return { dir, entry: made, from: 'import' }
    } finally {
      await rm(partial, { recursive: true, force: true })
    }
  }

  async #make(dir: string, { file, inputs, observer }: Wish): Promise<Entry> {
    const order = { file, inputs, output: join(dir, MODEL), isChecked: true }
    const converter = { ...this.#options.converter, signal: this.#closing.signal }
    const report = await convert(order, converter, stage => observer.onStage(stage))
    const files: Entry['files'][number][] = []
    for (const name of (await readdir(dir)).toSorted()) {
      const { size } = await stat(join(dir, name))
      files.push({ name, bytes: size, sha256: await hashFile(join(dir, name)) })
    }
    const entry: Entry = { files, report }
    await writeFile(join(dir, RECORD), JSON.stringify(entry))
    return entry
  }

  /** Puts the result under its name. Another server may have done so first: its result is the same. */
  async #keep(partial: string, dir: string): Promise<void> {
    try {
      await rename(partial, dir)
    } catch (error) {
      if ((await this.#read(dir)) === undefined) throw error
    }
  }

  /** What is kept in a folder, where each of its files is as it was written; else the folder is removed. */
  async #read(dir: string): Promise<Entry | undefined> {
    const text = await readFile(join(dir, RECORD), 'utf8').catch(() => undefined)
    if (text === undefined) {
      await rm(dir, { recursive: true, force: true })
      return undefined
    }
    try {
      // This class wrote it; what somebody else made of it fails here or at the hashes.
      const entry = JSON.parse(text) as Entry
      for (const { name, sha256 } of entry.files) {
        if ((await hashFile(join(dir, name))) !== sha256) throw new Error(`${name} has changed`)
      }
      if (entry.files.some(({ name }) => name === MODEL)) return entry
      throw new Error(`there is no ${MODEL}`)
    } catch (error) {
      this.#options.warn('A cached import is damaged and is made again', { reason: String(error) })
      await rm(dir, { recursive: true, force: true })
      return undefined
    }
  }

  async #openFolder(): Promise<string> {
    const { dir, workDir } = this.#options
    try {
      await mkdir(dir, { recursive: true, mode: 0o700 })
      const probe = join(dir, `${PARTIAL}${randomBytes(8).toString('hex')}`)
      await mkdir(probe)
      await rm(probe, { recursive: true })
      await sweep(dir)
      return dir
    } catch (error) {
      const folder = join(workDir, 'imports')
      this.#options.warn('import_cache cannot be written: imports are kept only until the server stops', {
        folder: dir,
        reason: String(error),
      })
      await mkdir(folder, { recursive: true, mode: 0o700 })
      return folder
    }
  }
}

interface Wish {
  readonly file: string
  readonly inputs: readonly InputSpec[] | undefined
  readonly observer: ImportObserver
}

interface Found {
  readonly dir: string
  readonly entry: Entry
  readonly from: 'import' | 'cache'
}

/** The same bytes under a second name, which costs nothing; a copy across file systems. */
async function place(from: string, to: string): Promise<void> {
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
