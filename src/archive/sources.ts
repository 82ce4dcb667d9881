/** Which files go into an archive, and under which names. */
import { glob, readdir, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { failure } from '../errors.ts'
import { clashKey, complaintAbout, shown } from './entry-name.ts'

export interface Source {
  /** The path inside the archive, with "/". */
  readonly name: string
  readonly path: string
}

interface Named {
  readonly handler: string
  readonly serializedFile?: string | undefined
  readonly modelFile?: string | undefined
  readonly extraFiles?: string | undefined
  readonly requirementsFile?: string | undefined
  readonly configFile?: string | undefined
}

const HANDLER_FILE = /\.(py|ts|js|mjs)$/i

/** All files that the options name. Throws BAD_REQUEST for a missing one, and for two that would be one in the archive. */
export async function collectSources(options: Named): Promise<Source[]> {
  // `file.py:function` names a file and what to call in it.
  const handler = options.handler.replace(/:[^:/\\]*$/, '')
  const sources: Source[] = [
    ...(HANDLER_FILE.test(handler) ? await named('handler', handler) : []),
    ...(await named('serialized-file', options.serializedFile)),
    ...(await named('model-file', options.modelFile)),
    ...(await named('requirements-file', options.requirementsFile)),
    ...(await named('config-file', options.configFile)),
  ]
  for (const pattern of (options.extraFiles ?? '').split(',')) {
    if (pattern.trim() !== '') sources.push(...(await extra(pattern.trim())))
  }
  return distinct(sources)
}

async function named(flag: string, path: string | undefined): Promise<Source[]> {
  if (path === undefined) return []
  const stats = await stat(path).catch(() => undefined)
  if (stats?.isFile() !== true) throw wrong(`--${flag}: ${shown(path)} is not a file`)
  return [{ name: basename(path), path: resolve(path) }]
}

async function extra(pattern: string): Promise<Source[]> {
  // A name may hold what a pattern would read in another way, such as brackets.
  const paths = (await exists(pattern)) ? [pattern] : await matches(pattern)
  if (paths.length === 0) throw wrong(`--extra-files: nothing is there under ${shown(pattern)}`)
  const found: Source[] = []
  for (const path of paths) {
    if ((await stat(path)).isDirectory()) found.push(...(await filesIn(resolve(path), '')))
    else found.push(...(await named('extra-files', path)))
  }
  return found
}

async function matches(pattern: string): Promise<string[]> {
  const paths: string[] = []
  for await (const path of glob(pattern)) paths.push(path)
  return paths.toSorted()
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}

async function filesIn(folder: string, prefix: string): Promise<Source[]> {
  const found: Source[] = []
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) found.push(...(await filesIn(path, `${prefix}${entry.name}/`)))
    else if ((await stat(path)).isFile()) found.push({ name: prefix + entry.name, path })
    else throw wrong(`--extra-files: ${shown(path)} is neither a file nor a folder`)
  }
  return found
}

/** The same file named twice is one; different files under one name are a mistake. */
function distinct(sources: readonly Source[]): Source[] {
  const byKey = new Map<string, Source>([
    ['mar-inf/manifest.json', { name: 'MAR-INF/MANIFEST.json', path: '' }],
  ])
  const result: Source[] = []
  for (const source of sources) {
    const complaint = complaintAbout(source.name)
    if (complaint !== undefined) throw wrong(`${shown(source.name)} ${complaint}`)
    const other = byKey.get(clashKey(source.name))
    if (other !== undefined && other.path !== source.path) {
      throw wrong(`two files would both be ${shown(source.name)} in the archive`)
    }
    if (other === undefined) result.push(source)
    byKey.set(clashKey(source.name), source)
  }
  return result
}

function wrong(what: string) {
  return failure('BAD_REQUEST', `The archive is not written: ${what}`)
}
