/** The model store: a flat folder of archives. */
import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { failure, failureWith } from '../errors.ts'
import { isSystemError } from './refusal.ts'

const PACKED = /\.(mar|model|tar\.gz|tgz|onnx|pt)$/i

/** What `load_models=all` loads: the names of archives, bare models and folders with MAR-INF, sorted; nothing hidden. */
export async function listStore(dir: string): Promise<string[]> {
  const names: string[] = []
  for (const entry of await readStore(dir)) {
    if (!entry.name.startsWith('.') && (await isArchive(dir, entry.name))) names.push(entry.name)
  }
  return names.toSorted()
}

async function readStore(dir: string): Promise<Dirent[]> {
  try {
    return await readdir(dir, { withFileTypes: true })
  } catch (error) {
    throw failureWith({ cause: error }, 'ARCHIVE_URL', 'The model store cannot be read.')
  }
}

async function isArchive(dir: string, name: string): Promise<boolean> {
  const stats = await statOrNothing(join(dir, name))
  if (stats?.isFile()) return PACKED.test(name)
  return (
    stats?.isDirectory() === true && (await statOrNothing(join(dir, name, 'MAR-INF')))?.isDirectory() === true
  )
}

/**
 * The absolute or store-relative path (as `dir` is) of what a client calls `url`: a name in the store, of which only the
 * last part counts. Throws ARCHIVE_URL with TorchServe's texts, ARCHIVE_NOT_FOUND where there is no such file. Remote
 * archives are always refused.
 */
export async function findInStore(dir: string, url: string): Promise<string> {
  if (url.trim() === '') throw failure('ARCHIVE_URL', 'empty url')
  if (url.includes('..')) throw failure('ARCHIVE_URL', `Relative path is not allowed in url: ${url}`)
  // Two letters at least: C:\ is a drive.
  if (/^[a-z][a-z0-9+.-]+:/i.test(url)) {
    const reason = 'Archives are taken only from the model store; put the file there and give its name.'
    throw failureWith({ reason }, 'ARCHIVE_URL', `Given URL ${url} does not match any allowed URL(s)`)
  }
  const name = url.split(/[/\\]/).at(-1) ?? ''
  if (name === '' || name.startsWith('.') || name.includes('\0')) throw failure('ARCHIVE_NOT_FOUND', url)
  const path = join(dir, name)
  if ((await statOrNothing(path)) === undefined) throw failure('ARCHIVE_NOT_FOUND', url)
  return path
}

/** The model name for an archive that does not give one: the file's name without its extension, as TorchServe does. */
export function modelNameFromFile(file: string): string {
  const dot = file.lastIndexOf('.')
  const stem = /\.tar\.gz$/i.test(file)
    ? file.slice(0, -'.tar.gz'.length)
    : dot > 0
      ? file.slice(0, dot)
      : file
  return stem.replaceAll(/\W/g, '_')
}

async function statOrNothing(path: string) {
  try {
    return await stat(path)
  } catch (error) {
    if (isSystemError(error)) return undefined
    throw error
  }
}
