/** Reads gzipped tar archives into an Unpacking. */
import type { FileHandle } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { Header, Pax } from 'tar'
import type { Unpacking } from './unpacking.ts'

const BLOCK = 512
const MAX_META_BYTES = 1024 * 1024

type EntryType = Header['type']

const META_TYPES: { readonly [type in EntryType]?: 'extended' | 'global' | 'path' | 'linkpath' } = {
  ExtendedHeader: 'extended',
  OldExtendedHeader: 'extended',
  GlobalExtendedHeader: 'global',
  NextFileHasLongPath: 'path',
  OldGnuLongPath: 'path',
  NextFileHasLongLinkpath: 'linkpath',
}

const FILE_TYPES: readonly EntryType[] = ['File', 'OldFile', 'ContiguousFile']

const TYPE_NAMES: { readonly [type in EntryType]?: string } = {
  Link: 'a hard link',
  SymbolicLink: 'a symbolic link',
  CharacterDevice: 'a character device',
  BlockDevice: 'a block device',
  FIFO: 'a named pipe',
}

/** Unpacks the tarball behind `handle`, which stays open. Throws Failures, and plain errors for a damaged archive. */
export async function untar(handle: FileHandle, into: Unpacking): Promise<void> {
  const compressed = handle.createReadStream({ start: 0, autoClose: false })
  const tar = createGunzip()
  compressed.on('error', error => tar.destroy(error))
  const bytes = new ByteSource(compressed.pipe(tar), into)
  try {
    await readEntries(bytes, into)
    // What follows the end of the tar is nobody's file, but gzip's checksum stands behind it.
    await bytes.drain()
  } finally {
    compressed.destroy()
    tar.destroy()
  }
}

async function readEntries(bytes: ByteSource, into: Unpacking): Promise<void> {
  let global: Pax | undefined
  let extended: Pax | undefined
  let zeroBlocks = 0
  while (zeroBlocks < 2) {
    const block = await bytes.take(BLOCK)
    if (block === undefined) return
    const header = new Header(block, 0, extended, global)
    if (header.nullBlock) {
      zeroBlocks += 1
      continue
    }
    if (zeroBlocks > 0 || !header.cksumValid)
      throw new Error('it is not a tar archive, or a header is damaged')
    const meta = await readMeta(header, bytes, { extended, global })
    if (meta === undefined) {
      await readMember(header, bytes, into)
      extended = undefined
    } else {
      extended = meta.extended
      global = meta.global
    }
  }
}

interface PaxState {
  readonly extended: Pax | undefined
  readonly global: Pax | undefined
}

/** Headers that only say something about the entries behind them; undefined for an entry itself. */
async function readMeta(header: Header, bytes: ByteSource, state: PaxState): Promise<PaxState | undefined> {
  const role = META_TYPES[header.type]
  if (role === undefined) return undefined
  const text = await metaText(header, bytes)
  if (role === 'extended') return { ...state, extended: Pax.parse(text, state.extended, false) }
  if (role === 'global') return { ...state, global: Pax.parse(text, state.global, true) }
  if (role === 'path') return { ...state, extended: withPath(state.extended, text.replace(/\0+$/, '')) }
  // Links are refused by their own header; where one points is of no interest.
  return state
}

function withPath(extended: Pax | undefined, path: string): Pax {
  const changed = extended ?? new Pax({})
  changed.path = path
  return changed
}

async function metaText(header: Header, bytes: ByteSource): Promise<string> {
  const size = header.size ?? 0
  if (size > MAX_META_BYTES) throw new Error(`a header of ${size} bytes`)
  return (await bytes.take(size, padding(size)))?.toString('utf8') ?? ''
}

async function readMember(header: Header, bytes: ByteSource, into: Unpacking): Promise<void> {
  const name = header.path ?? ''
  const size = header.size ?? 0
  if (header.type === 'Directory') await into.folder(name)
  else if (FILE_TYPES.includes(header.type)) await into.file(name, bytes.range(size, padding(size)))
  else {
    const type = TYPE_NAMES[header.type] ?? `of an unknown type (${header.type})`
    throw into.refuse(name, `is ${type}; only files and folders are taken`)
  }
}

/** Contents are filled up to whole blocks. */
function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK
}

/** A stream that is pulled in portions of the reader's choice. Every byte that passes is counted. */
class ByteSource {
  readonly #chunks: AsyncIterator<Buffer>
  readonly #unpacking: Unpacking
  #rest: Buffer = Buffer.alloc(0)

  constructor(stream: AsyncIterable<Buffer>, unpacking: Unpacking) {
    this.#chunks = stream[Symbol.asyncIterator]()
    this.#unpacking = unpacking
  }

  /** Exactly `size` bytes, and `skip` more dropped; undefined where the stream ends right here. */
  async take(size: number, skip = 0): Promise<Buffer | undefined> {
    const parts: Buffer[] = []
    if (this.#rest.length === 0 && !(await this.#fill())) return undefined
    for await (const part of this.range(size, skip)) parts.push(part)
    return Buffer.concat(parts)
  }

  /** `size` bytes as they come, and `skip` more dropped. Throws where the stream ends before. */
  async *range(size: number, skip = 0): AsyncGenerator<Buffer> {
    let left = size
    while (left > 0) {
      const part = await this.#next(left)
      left -= part.length
      yield part
    }
    left = skip
    while (left > 0) left -= (await this.#next(left)).length
  }

  async drain(): Promise<void> {
    while (await this.#fill());
  }

  async #next(atMost: number): Promise<Buffer> {
    if (this.#rest.length === 0 && !(await this.#fill())) throw new Error('it ends in the middle of an entry')
    const part = this.#rest.subarray(0, atMost)
    this.#rest = this.#rest.subarray(part.length)
    return part
  }

  /** Replaces what is left by the next chunk; false at the end. */
  async #fill(): Promise<boolean> {
    const { done, value } = await this.#chunks.next()
    if (done === true) return false
    this.#unpacking.count(value.length)
    this.#rest = value
    return true
  }
}
