/**
 * Writes model archives as torch-model-archiver does (https://github.com/pytorch/serve/tree/master/model-archiver),
 * and byte for byte the same ones from the same input: names, order, modes and time stamps are fixed.
 */
import { randomBytes } from 'node:crypto'
import { chmod, copyFile, lstat, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { Failure, failure } from '../errors.ts'
import { shown } from './entry-name.ts'
import { doubtsAbout } from './model-file.ts'
import { parseModelConfig } from './model-config.ts'
import { isName, parseManifest, type Manifest, type Runtime } from './manifest.ts'
import { packTarball, packZip } from './pack.ts'
import { collectSources, type Source } from './sources.ts'
import { torchRefusal } from './torch-file.ts'

/** `default` is a deflated zip, `zip-store` one without compression, `no-archive` a folder. */
export type ArchiveFormat = 'default' | 'zip-store' | 'tgz' | 'no-archive'

/** torch-model-archiver's flags. Paths are relative to the current folder. */
export interface WriteOptions {
  readonly modelName: string
  readonly version: string
  /** The name of a built-in handler, or a file. */
  readonly handler: string
  readonly serializedFile?: string | undefined
  readonly modelFile?: string | undefined
  /** Separated by commas: files, globs, and folders, whose content goes to the archive's root. */
  readonly extraFiles?: string | undefined
  readonly runtime?: string | undefined
  /** The folder to write to. */
  readonly exportPath?: string | undefined
  readonly format?: ArchiveFormat | undefined
  /** Replaces what is there under the same name. */
  readonly force?: boolean | undefined
  readonly requirementsFile?: string | undefined
  readonly configFile?: string | undefined
}

export interface Written {
  /** The archive's absolute path. */
  readonly path: string
  /** Sentences about what Sconce itself cannot use of it; TorchServe may. */
  readonly warnings: readonly string[]
}

/** The version of torch-model-archiver whose manifest this is. */
const ARCHIVER_VERSION = '0.12.0'

const EXTENSIONS: Readonly<Record<ArchiveFormat, string>> = {
  default: '.mar',
  'zip-store': '.mar',
  tgz: '.tar.gz',
  'no-archive': '',
}

/** Writes an archive, whole or not at all. Throws BAD_REQUEST for what is wrong with the options or the files. */
export async function writeArchive(options: WriteOptions): Promise<Written> {
  if (!isName(options.modelName)) {
    throw wrong(
      `the model name "${shown(options.modelName)}" must consist of letters, digits, "_", "." and "-"`,
    )
  }
  const format = options.format ?? 'default'
  const folder = resolve(options.exportPath ?? '.')
  await expectFolder(folder)
  const path = join(folder, options.modelName + EXTENSIONS[format])
  if (options.force !== true) await refuseExisting(path)
  const sources = await collectSources(options)
  const manifest = manifestText(options)
  const work = join(folder, `.${options.modelName}.${randomBytes(8).toString('hex')}`)
  try {
    const staged = join(work, options.modelName)
    const names = await stage(staged, sources, manifest)
    await replace(path, await pack({ work, name: options.modelName, names, format }))
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return { path, warnings: await warningsAbout(options) }
}

async function expectFolder(folder: string): Promise<void> {
  const stats = await lstat(folder).catch(() => undefined)
  if (stats === undefined) await mkdir(folder, { recursive: true })
}

async function refuseExisting(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined)
  if (stats !== undefined) throw wrong(`${shown(basename(path))} already exists; --force replaces it`)
}

/** Everything under its name in the archive, with fixed modes. Returns the names, sorted. */
async function stage(folder: string, sources: readonly Source[], manifest: string): Promise<string[]> {
  for (const { name, path } of sources) {
    const target = join(folder, name)
    await mkdir(dirname(target), { recursive: true })
    await copyFile(path, target)
    await chmod(target, 0o644)
  }
  const manifestName = 'MAR-INF/MANIFEST.json'
  await mkdir(join(folder, 'MAR-INF'), { recursive: true })
  await writeFile(join(folder, manifestName), manifest, { mode: 0o644 })
  return [manifestName, ...sources.map(source => source.name)].toSorted()
}

interface Packing {
  readonly work: string
  readonly name: string
  readonly names: readonly string[]
  readonly format: ArchiveFormat
}

/** The packed file, still beside its staged content. */
async function pack({ work, name, names, format }: Packing): Promise<string> {
  const packed = join(work, 'packed')
  switch (format) {
    case 'no-archive':
      return join(work, name)
    case 'tgz':
      await packTarball({ cwd: work, names: names.map(entry => `${name}/${entry}`), target: packed })
      return packed
    case 'default':
    case 'zip-store':
      await packZip({ cwd: join(work, name), names, target: packed }, format === 'default')
  }
  return packed
}

async function replace(target: string, made: string): Promise<void> {
  // A file is replaced by the renaming itself; a folder, or a file by a folder, has to go first.
  const there = await lstat(target).catch(() => undefined)
  const isFolder = (await lstat(made)).isDirectory()
  if (there !== undefined && (isFolder || there.isDirectory())) await rm(target, { recursive: true })
  await rename(made, target)
}

/**
 * MANIFEST.json, with torch-model-archiver's keys in its order. `createdOn` is left out: with it, two archives of the
 * same files would differ. TorchServe does not read it.
 */
function manifestText(options: WriteOptions): string {
  const model: { [key in keyof Manifest['model']]: string | undefined } = {
    modelName: options.modelName,
    serializedFile: nameOf(options.serializedFile),
    handler: options.handler.split(/[/\\]/).at(-1),
    modelFile: nameOf(options.modelFile),
    modelVersion: options.version,
    requirementsFile: nameOf(options.requirementsFile),
    configFile: nameOf(options.configFile),
  }
  const runtime = options.runtime ?? ('python' satisfies Runtime)
  const text = JSON.stringify({ runtime, model, archiverVersion: ARCHIVER_VERSION }, undefined, 2)
  // What the reader would refuse is not written.
  parseManifest(text)
  return `${text}\n`
}

function nameOf(path: string | undefined): string | undefined {
  return path === undefined ? undefined : basename(path)
}

async function warningsAbout(options: WriteOptions): Promise<string[]> {
  const warnings: string[] = []
  if (/\.py(:|$)/i.test(options.handler)) {
    warnings.push(
      `The handler ${shown(options.handler)} is Python: TorchServe can run it, Sconce cannot. Write it in TypeScript ` +
        'or JavaScript, or name a built-in handler.',
    )
  }
  const torch = torchRefusal(options.serializedFile ?? '')
  if (torch !== undefined) warnings.push(`TorchServe can load this archive, Sconce cannot: ${torch}.`)
  else if (options.serializedFile !== undefined) warnings.push(...(await doubtsAbout(options.serializedFile)))
  if (options.configFile !== undefined) warnings.push(...(await configWarnings(options.configFile)))
  return warnings
}

/** What the server would say of model-config.yaml when the model is registered. */
async function configWarnings(file: string): Promise<readonly string[]> {
  try {
    return parseModelConfig(await readFile(file, 'utf8')).warnings
  } catch (error) {
    if (error instanceof Failure) return [error.message]
    throw error
  }
}

function wrong(what: string) {
  return failure('BAD_REQUEST', `The archive is not written: ${what}`)
}
