import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { CODE_FOLDERS } from '../home.ts'
import type { InputSpec } from '../importer/inputs.ts'

let ofCode: Promise<string> | undefined

/**
 * What an import's result depends on, as 64 hexadecimal digits: the file, what is said about its inputs, and the
 * code of this Sconce, so that results of another version are never taken.
 */
export async function fingerprint(file: string, inputs: readonly InputSpec[] | undefined): Promise<string> {
  ofCode ??= hashCode()
  const hash = createHash('sha256')
  hash.update(`${await ofCode}\n${JSON.stringify(inputs ?? null)}\n${await hashFile(file)}`)
  return hash.digest('hex')
}

export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

async function hashCode(): Promise<string> {
  const hash = createHash('sha256')
  for (const folder of CODE_FOLDERS) await addFolder(hash, folder)
  return hash.digest('hex')
}

async function addFolder(hash: Hash, folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries
    .filter(entry => /\.[jt]s$/.test(entry.name))
    .map(entry => join(entry.parentPath, entry.name))
  for (const file of files.toSorted()) hash.update(await readFile(file)).update('\0')
}
