import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { inflateRawSync } from 'node:zlib'
import { nextId } from './ids.ts'
import { refuse } from './refusal.ts'

const END_RECORD = 0x06054b50
const END_SIZE = 22
const ZIP64_LOCATOR = 0x07064b50
const ZIP64_END = 0x06064b50
const CENTRAL_ENTRY = 0x02014b50
const LOCAL_ENTRY = 0x04034b50
const MAX_COMMENT = 65_535
const MAX_ENTRIES = 200_000
const MAX_DIRECTORY = 128 * 1024 * 1024

export interface ZipEntry {
  readonly name: string
  readonly method: number
  readonly compressedSize: number
  readonly size: number
  readonly headerOffset: number
}

/** A zip read by ranges: the directory at once, entries when they are asked for. Owns the file until `close`. */
export class ZipFile {
  /** Tells files apart that are open at the same time. */
  readonly id = nextId()
  readonly #fd: number
  readonly fileSize: number
  readonly entries: ReadonlyMap<string, ZipEntry>

  constructor(path: string) {
    this.#fd = openSync(path, 'r')
    try {
      const stats = fstatSync(this.#fd)
      if (!stats.isFile()) refuse('it is not a file')
      this.fileSize = stats.size
      this.entries = readDirectory((offset, length) => this.range(offset, length), this.fileSize)
    } catch (error) {
      closeSync(this.#fd)
      throw error
    }
  }

  close(): void {
    closeSync(this.#fd)
  }

  /** Bytes of the file itself. Refuses a range outside of it. */
  range(offset: number, length: number): Buffer {
    if (offset < 0 || length < 0 || offset + length > this.fileSize)
      refuse('the file is truncated or damaged')
    const bytes = Buffer.allocUnsafe(length)
    let done = 0
    while (done < length) {
      const got = readSync(this.#fd, bytes, done, Math.min(length - done, 2 ** 30), offset + done)
      if (got === 0) refuse('the file is truncated')
      done += got
    }
    return bytes
  }

  /** Where the bytes of a stored entry begin. Refuses a compressed one. */
  storedOffset(entry: ZipEntry): number {
    if (entry.method !== 0 || entry.size !== entry.compressedSize)
      refuse(`the entry ${shown(entry.name)} is compressed; PyTorch stores it plainly`)
    return this.#dataOffset(entry)
  }

  /** The content of an entry of at most `limit` bytes. */
  content(entry: ZipEntry, limit: number): Buffer {
    if (entry.size > limit)
      refuse(`the entry ${shown(entry.name)} has ${entry.size} bytes; at most ${limit} are read`)
    if (entry.method !== 0 && entry.method !== 8)
      refuse(`the entry ${shown(entry.name)} is compressed in an unknown way (${entry.method})`)
    // What is stored plainly has one size only: nothing is read of an entry that says otherwise.
    const isPlain = entry.method === 0
    if (isPlain && entry.size !== entry.compressedSize) refuse(wrongSize(entry))
    const raw = this.range(this.#dataOffset(entry), entry.compressedSize)
    const content = isPlain ? raw : inflate(raw, entry)
    return content.length === entry.size ? content : refuse(wrongSize(entry))
  }

  #dataOffset(entry: ZipEntry): number {
    const header = this.range(entry.headerOffset, 30)
    if (header.readUInt32LE(0) !== LOCAL_ENTRY)
      refuse(`the entry ${shown(entry.name)} is not where the directory says`)
    const offset = entry.headerOffset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28)
    if (offset + entry.compressedSize > this.fileSize)
      refuse(`the entry ${shown(entry.name)} goes past the end of the file`)
    return offset
  }
}

function wrongSize({ name }: ZipEntry): string {
  return `the entry ${shown(name)} does not have the size it declares`
}

function inflate(raw: Buffer, entry: ZipEntry): Buffer {
  try {
    return inflateRawSync(raw, { maxOutputLength: Math.max(entry.size, 1) })
  } catch {
    return refuse(`the entry ${shown(entry.name)} cannot be unpacked`)
  }
}

/** A name from the file as it may appear in a message: short, no control characters. */
export function shown(name: string): string {
  const text = name.replace(/[^\x20-\x7e]/g, '?')
  return `"${text.length > 80 ? `${text.slice(0, 77)}...` : text}"`
}

type Range = (offset: number, length: number) => Buffer

function readDirectory(range: Range, fileSize: number): Map<string, ZipEntry> {
  const { offset, size, count } = findDirectory(range, fileSize)
  if (count > MAX_ENTRIES || size > MAX_DIRECTORY)
    refuse(`the zip has ${count} entries; at most ${MAX_ENTRIES} are read`)
  const directory = range(offset, size)
  const entries = new Map<string, ZipEntry>()
  let at = 0
  for (let index = 0; index < count; index++) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== CENTRAL_ENTRY)
      refuse('the zip directory is damaged')
    const nameLength = directory.readUInt16LE(at + 28)
    const extraLength = directory.readUInt16LE(at + 30)
    const next = at + 46 + nameLength + extraLength + directory.readUInt16LE(at + 32)
    if (next > directory.length) refuse('the zip directory is damaged')
    const entry = readEntry(directory, at, nameLength, extraLength)
    if (entries.has(entry.name)) refuse(`the zip has two entries named ${shown(entry.name)}`)
    entries.set(entry.name, entry)
    at = next
  }
  return entries
}

function readEntry(directory: Buffer, at: number, nameLength: number, extraLength: number): ZipEntry {
  if ((directory.readUInt16LE(at + 8) & 1) !== 0) refuse('the zip is encrypted')
  const name = directory.toString('utf8', at + 46, at + 46 + nameLength)
  const extra = directory.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength)
  const sizes = [
    directory.readUInt32LE(at + 24),
    directory.readUInt32LE(at + 20),
    directory.readUInt32LE(at + 42),
  ]
  const [size = 0, compressedSize = 0, headerOffset = 0] = withZip64(sizes, extra)
  return { name, method: directory.readUInt16LE(at + 10), compressedSize, size, headerOffset }
}

/** Fields of 0xffffffff stand, in order, in the zip64 extra field. */
function withZip64(sizes: number[], extra: Buffer): number[] {
  if (!sizes.includes(0xffffffff)) return sizes
  let at = 0
  while (at + 4 <= extra.length) {
    const [id, length] = [extra.readUInt16LE(at), extra.readUInt16LE(at + 2)]
    if (id === 1) return fillIn(sizes, extra.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return refuse('the zip directory is damaged')
}

function fillIn(sizes: number[], field: Buffer): number[] {
  let at = 0
  return sizes.map(size => {
    if (size !== 0xffffffff) return size
    if (at + 8 > field.length) refuse('the zip directory is damaged')
    at += 8
    return toNumber(field.readBigUInt64LE(at - 8))
  })
}

function toNumber(value: bigint): number {
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? refuse('the zip directory is damaged') : Number(value)
}

function findDirectory(range: Range, fileSize: number): { offset: number; size: number; count: number } {
  const length = Math.min(fileSize, END_SIZE + MAX_COMMENT)
  const tail = range(fileSize - length, length)
  for (let at = length - END_SIZE; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== END_RECORD) continue
    const end = fileSize - length + at
    return (
      zip64Directory(range, end) ?? {
        count: tail.readUInt16LE(at + 10),
        size: tail.readUInt32LE(at + 12),
        offset: tail.readUInt32LE(at + 16),
      }
    )
  }
  return refuse(
    'it is not a zip archive (or a truncated one); a file of torch.jit.save is expected: torch.jit.script(model).save("model.pt")',
  )
}

function zip64Directory(range: Range, end: number) {
  if (end < 20) return undefined
  const locator = range(end - 20, 20)
  if (locator.readUInt32LE(0) !== ZIP64_LOCATOR) return undefined
  const record = range(toNumber(locator.readBigUInt64LE(8)), 56)
  if (record.readUInt32LE(0) !== ZIP64_END) refuse('the zip directory is damaged')
  return {
    count: toNumber(record.readBigUInt64LE(32)),
    size: toNumber(record.readBigUInt64LE(40)),
    offset: toNumber(record.readBigUInt64LE(48)),
  }
}
