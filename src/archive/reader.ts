/**
 * Opens what the model store holds: `.mar` and `.zip`, `.tar.gz`, `.tgz` and `.model` (which TorchServe also takes for a
 * tarball), folders with MAR-INF, bare `.onnx`, `.pt` and `.pth` files. Archives come from strangers: what is refused is in unpacking.ts.
 */
import { randomBytes } from 'node:crypto'
import type { Stats } from 'node:fs'
import { mkdir, open, realpath, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { failure } from '../errors.ts'
import { readContents, modelRoot, type Contents } from './contents.ts'
import { shown } from './entry-name.ts'
import { defaultManifest } from './manifest.ts'
import { emptyModelConfig } from './model-config.ts'
import { checkExternalData } from './onnx-external-data.ts'
import { asRefusal, isSystemError, refusal } from './refusal.ts'
import { modelNameFromFile } from './store.ts'
import { isTorchFile, torchRefusal } from './torch-file.ts'
import { Unpacking, unpackDefaults, type UnpackLimits } from './unpacking.ts'
import { unzip } from './zip.ts'

export type { UnpackLimits } from './unpacking.ts'

export interface Archive extends Contents {
  /** The file's name in the store. */
  readonly file: string
  /** Folders and files that a worker of this model has to read: absolute, and nothing else of the store. */
  readonly readable: readonly string[]
  /** Removes what was unpacked; folders and bare files are left alone. */
  release(): Promise<void>
}

export interface OpenOptions {
  /** Archives are unpacked into a fresh folder in here, readable only by this user. Made if it is not there. */
  readonly workDir: string
  readonly limits?: Partial<UnpackLimits>
}

/**
 * Opens an archive: unpacked, checked, its manifest and configuration read. Throws ARCHIVE_NOT_FOUND, BAD_ARCHIVE,
 * INVALID_MODEL, or SAVE_FAILED where the disk fails; then nothing is left behind.
 */
export async function openArchive(path: string, options: OpenOptions): Promise<Archive> {
  const file = basename(path)
  const stats = await statOf(path, file)
  try {
    if (stats.isDirectory()) return await openFolder(path, file)
    if (!stats.isFile()) throw refusal(file, 'it is neither a file nor a folder')
    if (stats.size === 0) throw refusal(file, 'it is empty')
    if (isOnnx(file) || isTorchFile(file)) return await openBare(path, file)
    return await openPacked(path, { name: file, bytes: stats.size }, options)
  } catch (error) {
    throw asRefusal(file, error)
  }
}

async function statOf(path: string, file: string): Promise<Stats> {
  try {
    return await stat(path)
  } catch (error) {
    if (isSystemError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
      throw failure('ARCHIVE_NOT_FOUND', shown(file))
    }
    throw asRefusal(file, error)
  }
}

function isOnnx(file: string): boolean {
  return file.toLowerCase().endsWith('.onnx')
}

async function openFolder(path: string, file: string): Promise<Archive> {
  const unpack = unpackerFor(file)
  if (unpack !== undefined) throw refusal(file, 'it is a folder, but its name is that of a packed archive')
  const dir = await modelRoot(await realpath(path))
  const contents = await readContents(dir, { archive: file, manifest: 'required' })
  return { file, ...contents, readable: [dir], release: nothingToRelease }
}

async function openBare(path: string, file: string): Promise<Archive> {
  // The model's folder is where the file really lies: there ONNX Runtime looks for external data.
  const modelFile = await realpath(path)
  const isTorch = isTorchFile(file)
  const external = isTorch ? [] : await checkExternalData(modelFile, file)
  const serializedFile = basename(modelFile)
  const manifest = defaultManifest({
    modelName: modelNameFromFile(file),
    serializedFile,
    handler: 'base_handler',
  })
  const dir = dirname(modelFile)
  return {
    file,
    dir,
    manifest,
    config: emptyModelConfig,
    modelFile: isTorch ? undefined : modelFile,
    dataFiles: external,
    torchFile: isTorch ? modelFile : undefined,
    serializedFile,
    // Labels may lie beside it; what a PyTorch file is imported into lies elsewhere.
    readable: [...(isTorch ? [] : [modelFile, ...external]), join(dir, 'index_to_name.json')],
    release: nothingToRelease,
  }
}

async function nothingToRelease(): Promise<void> {}

async function openPacked(
  path: string,
  archive: { name: string; bytes: number },
  options: OpenOptions,
): Promise<Archive> {
  const torch = torchRefusal(archive.name)
  if (torch !== undefined) throw refusal(archive.name, torch)
  const unpack = unpackerFor(archive.name)
  if (unpack === undefined) {
    throw refusal(
      archive.name,
      'its kind is not known; expected .mar, .zip, .tar.gz, .tgz, .model, .onnx, .pt or a folder',
    )
  }
  const root = join(resolve(options.workDir), randomBytes(16).toString('hex'))
  const release = () => rm(root, { recursive: true, force: true })
  try {
    await mkdir(root, { recursive: true, mode: 0o700 })
    await unpack(path, new Unpacking(archive, root, { ...unpackDefaults, ...options.limits }))
    const contents = await readContents(await modelRoot(await realpath(root)), {
      archive: archive.name,
      manifest: 'optional',
    })
    return { file: archive.name, ...contents, readable: [contents.dir], release }
  } catch (error) {
    await release()
    throw error
  }
}

type Unpack = (path: string, into: Unpacking) => Promise<void>

const ZIP = Buffer.from('PK')
const GZIP = Buffer.from([0x1f, 0x8b])

/** By the name, as TorchServe chooses; undefined for a name that is not an archive's. */
function unpackerFor(file: string): Unpack | undefined {
  if (/\.(mar|zip)$/i.test(file))
    return (path, into) => unpackWith(unzip, { path, magic: ZIP, kind: 'zip' }, into)
  if (/\.(tar\.gz|tgz|model)$/i.test(file)) {
    return async (path, into) => {
      const { untar } = await import('./tarball.ts') // Few stores have any.
      await unpackWith(untar, { path, magic: GZIP, kind: 'gzipped tar' }, into)
    }
  }
  return undefined
}

async function unpackWith(
  unpack: typeof unzip,
  source: { path: string; magic: Buffer; kind: string },
  into: Unpacking,
): Promise<void> {
  const handle = await open(source.path, 'r')
  try {
    const { buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0)
    if (!buffer.equals(source.magic)) {
      throw refusal(basename(source.path), `it is not a ${source.kind} archive, as its name says`)
    }
    await unpack(handle, into)
  } finally {
    await handle.close()
  }
}
