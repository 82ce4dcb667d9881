/** What lies in an unpacked archive, or in a folder that is one: manifest, configuration and model, each checked. */
import { lstat, open, readdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { complaintAbout, shown } from './entry-name.ts'
import { defaultManifest, parseManifest, type Manifest } from './manifest.ts'
import { emptyModelConfig, parseModelConfig, type ModelConfig } from './model-config.ts'
import { checkExternalData } from './onnx-external-data.ts'
import { isSystemError, refusal } from './refusal.ts'
import { isTorchFile, torchRefusal } from './torch-file.ts'

const MAX_TEXT_BYTES = 1024 * 1024

export interface Contents {
  /** The folder with the archive's files. Absolute, without links. */
  readonly dir: string
  readonly manifest: Manifest
  readonly config: ModelConfig
  /** The ONNX file's absolute path, or undefined for a handler that brings its own means. */
  readonly modelFile: string | undefined
  /** The absolute paths of the files with weights beside it. */
  readonly dataFiles: readonly string[]
  /** The absolute path of a PyTorch file, which is imported before it can be served. */
  readonly torchFile: string | undefined
  /** The model's file as the manifest names it, or the only ONNX or PyTorch file of an archive without a manifest. */
  readonly serializedFile: string | undefined
}

interface From {
  /** For errors: the archive's name in the store. */
  readonly archive: string
  /** A packed archive may go without a manifest (its user then names the model), a folder may not. */
  readonly manifest: 'required' | 'optional'
}

/** The folder itself, or its only sub-folder where there is nothing else: `tar` and `zip` of a folder make that. */
export async function modelRoot(dir: string): Promise<string> {
  const entries = await readdir(dir, { withFileTypes: true })
  const [only] = entries
  if (entries.length !== 1 || only === undefined || !only.isDirectory() || only.name === 'MAR-INF') return dir
  return join(dir, only.name)
}

/** Reads and checks everything the server itself uses of an archive. `dir` is absolute and without links. */
export async function readContents(dir: string, from: From): Promise<Contents> {
  const manifest = await readManifest(dir, from)
  const { serializedFile, configFile, handler } = manifest.model
  const torch = serializedFile === undefined ? undefined : torchRefusal(serializedFile)
  if (torch !== undefined)
    throw refusal(from.archive, `its serializedFile is "${shown(serializedFile ?? '')}"; ${torch}`)
  const model = await member(dir, { name: serializedFile, role: 'serializedFile', from })
  const modelFile = serializedFile?.toLowerCase().endsWith('.onnx') ? model : undefined
  const torchFile = isTorchFile(serializedFile ?? '') ? model : undefined
  const dataFiles = modelFile === undefined ? [] : await checkExternalData(modelFile, from.archive)
  await checkHandler(dir, handler, from)
  const configPath = await member(dir, { name: configFile, role: 'configFile', from })
  const config =
    configPath === undefined ? emptyModelConfig : parseModelConfig(await readText(configPath, from))
  return { dir, manifest, config, modelFile, dataFiles, torchFile, serializedFile }
}

async function readManifest(dir: string, from: From): Promise<Manifest> {
  const name = 'MAR-INF/MANIFEST.json'
  if (await exists(join(dir, name))) {
    const path = await member(dir, { name, role: 'manifest', from })
    if (path !== undefined) return parseManifest(await readText(path, from))
  }
  if (from.manifest === 'required') throw refusal(from.archive, `it has no ${name}`)
  const models = (await readdir(dir)).filter(
    file => isTorchFile(file) || file.toLowerCase().endsWith('.onnx'),
  )
  const [only] = models
  return defaultManifest(models.length === 1 && only !== undefined ? { serializedFile: only } : {})
}

/** A handler may be the name of one that ships with the server; a file of the archive must be as good as the others. */
async function checkHandler(dir: string, handler: string | undefined, from: From): Promise<void> {
  const name = handler?.replace(/:[^:/]*$/, '')
  if (name === undefined) return
  const complaint = complaintAbout(name)
  if (complaint !== undefined) throw refusal(from.archive, `its handler "${shown(name)}" ${complaint}`)
  if (await exists(join(dir, name))) await member(dir, { name, role: 'handler', from })
}

interface Member {
  readonly name: string | undefined
  /** The manifest's key, for errors. */
  readonly role: string
  readonly from: From
}

/** The absolute path of a file that the manifest names: inside the folder, there, regular, and no link on the way. */
async function member(dir: string, { name, role, from }: Member): Promise<string | undefined> {
  if (name === undefined) return undefined
  const refuse = (what: string) => refusal(from.archive, `its ${role} "${shown(name)}" ${what}`)
  const complaint = complaintAbout(name)
  if (complaint !== undefined) throw refuse(complaint)
  const path = join(dir, name)
  if (!(await exists(path))) throw refuse('is not in the archive')
  const stats = await lstat(path)
  if (stats.isSymbolicLink()) throw refuse('is a symbolic link; expected a regular file')
  if (!stats.isFile()) throw refuse('is not a regular file')
  // Without links on the way the real path is the path itself, which the name's grammar keeps inside.
  if ((await realpath(path)) !== path) throw refuse('lies behind a symbolic link')
  return path
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (isSystemError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return false
    throw error
  }
}

async function readText(path: string, from: From): Promise<string> {
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    if (size > MAX_TEXT_BYTES) {
      throw refusal(
        from.archive,
        `its manifest or configuration has ${size} bytes; at most ${MAX_TEXT_BYTES} are read`,
      )
    }
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}
