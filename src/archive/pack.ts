/** Makes zips and tarballs that depend on nothing but the names and contents of their files. */
import { createWriteStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { create } from 'tar'
import { ZipFile } from 'yazl'

export interface PackOrder {
  readonly cwd: string
  /** Of files below `cwd`, in the order in which they are to be written. */
  readonly names: readonly string[]
  readonly target: string
}

// The earliest date that a zip can hold. It holds local time: the same digits everywhere are not the same instant.
const ZIP_DATE = new Date(1980, 0, 1)
const TAR_DATE = new Date(0)
const FILE_MODE = 0o100644
/** What yazl takes as one buffer. */
const MAX_BUFFER_BYTES = 0x3fffffff

export async function packZip({ cwd, names, target }: PackOrder, compress: boolean): Promise<void> {
  const zip = new ZipFile()
  const output = pipeline(zip.outputStream, createWriteStream(target, { flags: 'wx', mode: 0o644 }))
  const failed = new Promise<never>((_resolve, reject) => zip.on('error', reject))
  const options = { mtime: ZIP_DATE, mode: FILE_MODE, forceDosTimestamp: true, compress }
  for (const name of names) {
    const path = join(cwd, name)
    const { size } = await stat(path)
    // TorchServe reads zips front to back and cannot read stored entries whose size only follows them, as it does in a
    // stream; a buffer's size is known before.
    if (compress || size > MAX_BUFFER_BYTES) zip.addFile(path, name, options)
    else zip.addBuffer(await readFile(path), name, options)
  }
  zip.end()
  await Promise.race([output, failed])
}

export async function packTarball({ cwd, names, target }: PackOrder): Promise<void> {
  await create(
    { cwd, file: target, gzip: { portable: true, level: 6 }, portable: true, mtime: TAR_DATE, strict: true },
    [...names],
  )
}
