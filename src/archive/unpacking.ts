import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { clashKey, complaintAbout, shown } from './entry-name.ts'
import { entryRefusal, refusal } from './refusal.ts'

export interface UnpackLimits {
  /** Files and folders that an archive may hold. */
  readonly maxEntries: number
  /** Bytes that all of them may have when unpacked. */
  readonly maxBytes: number
  /** Unpacked bytes per byte of the archive... */
  readonly maxRatio: number
  /** ...which is only looked at beyond so many unpacked bytes: weights that are zero compress well. */
  readonly ratioFromBytes: number
}

export const unpackDefaults: UnpackLimits = {
  maxEntries: 10_000,
  maxBytes: 16 * 2 ** 30,
  maxRatio: 1000,
  ratioFromBytes: 100 * 2 ** 20,
}

type Kind = 'file' | 'folder'

/**
 * The one way from an archive to the disk. Owns a fresh folder, and writes into it only what is harmless: names that
 * stay inside and that no file system can confuse, plain files and folders, within the limits. It counts what really
 * arrives, whatever the archive declares. It knows no archive format.
 */
export class Unpacking {
  readonly #archive: string
  readonly #archiveBytes: number
  readonly #root: string
  readonly #limits: UnpackLimits
  readonly #seen = new Map<string, { kind: Kind; name: string }>()
  #entries = 0
  #bytes = 0

  /** `archive` is the name for errors, `root` an existing, empty, absolute folder. */
  constructor(archive: { name: string; bytes: number }, root: string, limits: UnpackLimits) {
    this.#archive = archive.name
    this.#archiveBytes = archive.bytes
    this.#root = root
    this.#limits = limits
  }

  /** A refusal of one entry, for what only the format's reader can see. */
  refuse(entry: string, what: string): Error {
    return entryRefusal(this.#archive, entry, what)
  }

  async folder(name: string): Promise<void> {
    const target = this.#admit(name, 'folder')
    await mkdir(target, { recursive: true, mode: 0o700 })
  }

  /** Writes one file. `chunks` is consumed to its end; a throw inside it leaves a partial file in the folder. */
  async file(name: string, chunks: AsyncIterable<Buffer>): Promise<void> {
    const target = this.#admit(name, 'file')
    await mkdir(dirname(target), { recursive: true, mode: 0o700 })
    // `wx` refuses whatever is there already, links included.
    await pipeline(chunks, createWriteStream(target, { flags: 'wx', mode: 0o600 }))
  }

  /** Counts unpacked bytes; throws once there are too many. */
  count(bytes: number): void {
    this.#bytes += bytes
    const { maxBytes, maxRatio, ratioFromBytes } = this.#limits
    if (this.#bytes > maxBytes) {
      throw refusal(this.#archive, `it holds more than ${maxBytes} bytes when unpacked`)
    }
    if (this.#bytes > ratioFromBytes && this.#bytes > this.#archiveBytes * maxRatio) {
      throw refusal(this.#archive, `it grows to more than ${maxRatio} times its size when unpacked`)
    }
  }

  /** The path to write to, after every check of the name. */
  #admit(name: string, kind: Kind): string {
    if (++this.#entries > this.#limits.maxEntries) {
      throw refusal(this.#archive, `it holds more than ${this.#limits.maxEntries} entries`)
    }
    const complaint = complaintAbout(name)
    if (complaint !== undefined) throw this.refuse(name, complaint)
    const parts = name.split('/').filter(part => part !== '' && part !== '.')
    if (parts.length === 0 && kind === 'file') throw this.refuse(name, 'has no file name')
    this.#claim(name, parts, kind)
    const target = join(this.#root, ...parts)
    // The rules above exclude it; this holds should one of them be wrong some day.
    if (target !== this.#root && !target.startsWith(this.#root + sep))
      throw this.refuse(name, 'leaves the archive')
    return target
  }

  /** Notes the entry and the folders above it, unless one of them is taken in another way. */
  #claim(entry: string, parts: readonly string[], kind: Kind): void {
    let path = ''
    for (const [index, part] of parts.entries()) {
      path = index === 0 ? part : `${path}/${part}`
      const isLeaf = index === parts.length - 1
      const key = clashKey(path)
      const taken = this.#seen.get(key)
      if (taken === undefined) this.#seen.set(key, { kind: isLeaf ? kind : 'folder', name: path })
      else this.#refuseClash(entry, { path, kind: isLeaf ? kind : 'folder' }, taken)
    }
  }

  #refuseClash(
    entry: string,
    wanted: { path: string; kind: Kind },
    taken: { kind: Kind; name: string },
  ): void {
    if (taken.name !== wanted.path) {
      const other = shown(taken.name)
      throw this.refuse(entry, `clashes with "${other}", which differs only in case or Unicode form`)
    }
    if (taken.kind !== wanted.kind) throw this.refuse(entry, 'is there both as a file and as a folder')
    if (wanted.kind === 'file') throw this.refuse(entry, 'is there twice')
  }
}
