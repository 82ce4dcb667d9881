/** `sconce archive`, also as `torch-model-archiver`: the same flags. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs, type ParseArgsConfig } from 'node:util'
import type { Command } from './command.ts'
import { writeArchive, type ArchiveFormat, type WriteOptions, type Written } from '../archive/writer.ts'
import { HANDLERS_DIR } from '../home.ts'
import { didYouMean } from '../nearest.ts'
import { convertFirst } from './convert-first.ts'
import { explainArguments } from './unknown-flag.ts'

const FORMATS: readonly ArchiveFormat[] = ['default', 'zip-store', 'tgz', 'no-archive']

const flags = {
  'model-name': { type: 'string' },
  version: { type: 'string', short: 'v' },
  handler: { type: 'string' },
  'serialized-file': { type: 'string' },
  'model-file': { type: 'string' },
  'extra-files': { type: 'string' },
  runtime: { type: 'string' },
  'export-path': { type: 'string' },
  'archive-format': { type: 'string' },
  force: { type: 'boolean', short: 'f' },
  'requirements-file': { type: 'string', short: 'r' },
  'config-file': { type: 'string', short: 'c' },
  convert: { type: 'boolean' },
  input: { type: 'string', multiple: true },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsConfig['options']

const usage = `Usage: sconce archive --model-name NAME --version VERSION --handler HANDLER [options]

Packs a model and what belongs to it into an archive for the model store.

Required:
  --model-name NAME         the model's name, and the archive's file name
  -v, --version VERSION     the model's version, such as 1.0
  --handler HANDLER         a built-in handler (image_classifier, ...), or a .ts, .js or .mjs file

Options:
  --serialized-file FILE    the model: an .onnx file, or TorchScript (.pt), which is imported when it is registered
  --convert                 converts the .pt file now, and packs the .onnx file: registering is then faster
  --input "SPEC"            with --convert: an input, as for sconce convert; else inputs in model-config.yaml tells them
  --extra-files LIST        further files, globs and folders, separated by commas; a folder's content goes to the root.
                            Weights that an .onnx file keeps beside itself belong here, and index_to_name.json
  -c, --config-file FILE    model-config.yaml
  --export-path FOLDER      where to write (the current folder)
  --archive-format FORMAT   default (.mar), zip-store (.mar, not compressed), tgz (.tar.gz) or no-archive (a folder)
  -f, --force               replaces an archive of the same name
  --model-file FILE         Python file with the model's class; only TorchServe uses it
  -r, --requirements-file FILE   Python packages; only TorchServe uses it
  --runtime RUNTIME         python (the default), python3 or LSP; only TorchServe uses it
  -h, --help                this text

Example:
  sconce archive --model-name digits --version 1.0 --serialized-file digits.onnx --handler image_classifier \\
    --extra-files index_to_name.json --export-path model-store

The same files make the same archive, byte for byte.
`

export const archive: Command = {
  name: 'archive',
  summary: 'packs a model into an archive (.mar)',
  usage,
  /** Resolves to the exit code: 0, or 1 where nothing was written. */
  async run(args, io) {
    try {
      const options = parse(args)
      if (options === 'help') {
        io.out(usage)
        return 0
      }
      const { path, warnings } = await write(options)
      for (const warning of [...warnings, ...(await warnOfHandler(options.options.handler))])
        io.err(`Warning: ${warning}\n`)
      io.out(`Wrote ${path} (${inUnits(await sizeOf(path))})\n`)
      return 0
    } catch (error) {
      io.err(`${explain(error)}\n`)
      return 1
    }
  },
}

async function write({ convert, options }: Order): Promise<Written> {
  if (convert === undefined) return writeArchive(options)
  const converted = await convertFirst(options, convert.inputs)
  try {
    const { path, warnings } = await writeArchive(converted.options)
    return { path, warnings: [...converted.warnings, ...warnings] }
  } finally {
    await converted.remove()
  }
}

/** A name without an ending is that of a handler that ships with Sconce; packed is nothing of it. */
async function warnOfHandler(name: string): Promise<string[]> {
  if (/\.(ts|js|mjs|py)(:|$)/i.test(name)) return []
  const files = await readdir(HANDLERS_DIR)
  const known = files.flatMap(file => /^(\w+)\.(?:ts|js|mjs)$/.exec(file)?.[1] ?? [])
  if (known.includes(name)) return []
  const expected = `expected ${known.join(', ')}, or a .ts, .js or .mjs file of your own`
  return [`There is no handler ${JSON.stringify(name)}: ${expected}${didYouMean(name, known)}`]
}

interface Order {
  readonly options: WriteOptions
  /** Whether the PyTorch file is converted first. */
  readonly convert: { readonly inputs: readonly string[] | undefined } | undefined
}

class UsageError extends Error {
  override readonly name = 'UsageError'
}

function parse(args: string[]): Order | 'help' {
  const { values } = parseFlags(args)
  if (values.help === true) return 'help'
  const format = values['archive-format'] ?? 'default'
  if (!isFormat(format))
    throw new UsageError(`--archive-format is "${format}"; expected one of ${FORMATS.join(', ')}`)
  const options: WriteOptions = {
    modelName: required(values['model-name'], '--model-name'),
    version: required(values.version, '--version'),
    handler: required(values.handler, '--handler'),
    serializedFile: values['serialized-file'],
    modelFile: values['model-file'],
    extraFiles: values['extra-files'],
    runtime: values.runtime,
    exportPath: values['export-path'],
    format,
    force: values.force,
    requirementsFile: values['requirements-file'],
    configFile: values['config-file'],
  }
  if (values.convert === true) required(values['serialized-file'], '--serialized-file')
  else if (values.input !== undefined) throw new UsageError('--input stands only with --convert')
  return { options, convert: values.convert === true ? { inputs: values.input } : undefined }
}

function parseFlags(args: string[]) {
  try {
    return parseArgs({ args, options: flags, strict: true, allowPositionals: false })
  } catch (error) {
    throw new UsageError(explainArguments(error, Object.keys(flags)))
  }
}

function isFormat(text: string): text is ArchiveFormat {
  return FORMATS.some(format => format === text)
}

function required(value: string | undefined, flag: string): string {
  if (value === undefined || value === '') throw new UsageError(`${flag} is missing`)
  return value
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof UsageError) return `${error.message}\nsconce archive --help lists the flags.`
  // A Failure may carry a sentence more than its text.
  return 'reason' in error && typeof error.reason === 'string'
    ? `${error.message} ${error.reason}`
    : error.message
}

async function sizeOf(path: string): Promise<number> {
  const stats = await stat(path)
  if (!stats.isDirectory()) return stats.size
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const sizes = entries
    .filter(entry => entry.isFile())
    .map(async entry => (await stat(join(entry.parentPath, entry.name))).size)
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}

function inUnits(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
}
