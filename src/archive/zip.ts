/** Reads zip archives (`.mar` is one) into an Unpacking. */
import type { FileHandle } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { crc32, createInflateRaw } from 'node:zlib'
import yauzl, { type Entry, type ZipFile } from 'yauzl'
import type { Unpacking } from './unpacking.ts'

const STORED = 0
const DEFLATED = 8
const CHUNK_BYTES = 64 * 1024
const UTF8_NAMES_STRICTLY = true

// Unix file types in the upper half of the external attributes.
const TYPE_MASK = 0o170000
const REGULAR = 0o100000
const FOLDER = 0o040000
const TYPE_NAMES: Readonly<Record<number, string>> = {
  0o120000: 'a symbolic link',
  0o060000: 'a block device',
  0o020000: 'a character device',
  0o010000: 'a named pipe',
  0o140000: 'a socket',
}

/** Unpacks the zip behind `handle`, which stays open. Throws Failures, and plain errors for a damaged archive. */
export async function unzip(handle: FileHandle, into: Unpacking): Promise<void> {
  const { size } = await handle.stat()
  const reader = new BoundedReader(handle, size)
  const zip = await yauzl.fromRandomAccessReaderPromise(reader, size, {
    decodeStrings: false,
    autoClose: false,
  })
  // The iterator takes its listener away when the loop is left; a later error must not end the process.
  zip.on('error', () => {})
  for await (const entry of zip.eachEntry()) await unzipEntry(zip, entry, into)
}

async function unzipEntry(zip: ZipFile, entry: Entry, into: Unpacking): Promise<void> {
  const name = yauzl.getFileNameLowLevel(
    entry.generalPurposeBitFlag,
    entry.fileNameRaw,
    entry.extraFields,
    UTF8_NAMES_STRICTLY,
  )
  refuseOddities(name, entry, into)
  if (name.endsWith('/') || typeOf(entry) === FOLDER) {
    if (entry.uncompressedSize > 0) throw into.refuse(name, 'is a folder with content')
    await into.folder(name)
  } else {
    const raw = await zip.openReadStreamPromise(entry, { decodeFileData: false })
    await into.file(name, inflate(raw, { name, entry }, into))
  }
}

function refuseOddities(name: string, entry: Entry, into: Unpacking): void {
  const type = typeOf(entry)
  if (type !== 0 && type !== REGULAR && type !== FOLDER) {
    throw into.refuse(
      name,
      `is ${TYPE_NAMES[type] ?? 'of an unknown type'}; only files and folders are taken`,
    )
  }
  if (entry.isEncrypted()) throw into.refuse(name, 'is encrypted')
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED) {
    throw into.refuse(
      name,
      `is compressed by method ${entry.compressionMethod}; known are 0 (stored) and 8 (deflated)`,
    )
  }
}

function typeOf(entry: Entry): number {
  return (entry.externalFileAttributes >>> 16) & TYPE_MASK
}

/** The entry's real bytes: counted, and compared with the size and checksum that the archive declares. */
async function* inflate(
  raw: Readable,
  what: { name: string; entry: Entry },
  into: Unpacking,
): AsyncGenerator<Buffer> {
  const { name, entry } = what
  let size = 0
  let checksum = 0
  for await (const chunk of entry.compressionMethod === STORED ? raw : inflated(raw)) {
    size += chunk.length
    into.count(chunk.length)
    if (size > entry.uncompressedSize) break
    checksum = crc32(chunk, checksum)
    yield chunk
  }
  if (size !== entry.uncompressedSize) throw into.refuse(name, 'has another size than the archive declares')
  if (checksum !== entry.crc32) throw into.refuse(name, 'is damaged: its checksum is wrong')
}

async function* inflated(raw: Readable): AsyncGenerator<Buffer> {
  const inflater = createInflateRaw()
  raw.on('error', error => inflater.destroy(error))
  try {
    yield* raw.pipe(inflater)
  } finally {
    raw.destroy()
  }
}

/**
 * Positions come from the archive: one beyond the end reads nothing. (With an offset of 2^63, `fs.read` throws inside
 * a callback of yauzl's own reader, where nobody can catch it.)
 */
class BoundedReader extends yauzl.RandomAccessReader {
  readonly #handle: FileHandle
  readonly #size: number

  constructor(handle: FileHandle, size: number) {
    super()
    this.#handle = handle
    this.#size = size
  }

  override createReadStream({ start, end }: { start: number; end: number }): Readable {
    return Readable.from(this.#chunks(start, end), { objectMode: false })
  }

  // Not handle.createReadStream: each of its streams leaves a listener on the handle.
  async *#chunks(start: number, end: number): AsyncGenerator<Buffer> {
    if (end > this.#size) throw new Error('it ends too early')
    for (let position = start; position < end;) {
      const length = Math.min(CHUNK_BYTES, end - position)
      const { bytesRead, buffer } = await this.#handle.read(Buffer.allocUnsafe(length), 0, length, position)
      if (bytesRead === 0) throw new Error('it ends too early')
      position += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  }

  override close(done: (error: Error | null) => void): void {
    done(null)
  }
}
