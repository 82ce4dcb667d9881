import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Failure, failure, failureWith } from '../errors.ts'
import type { ImportReport } from '../importer/import.ts'
import type { InputSpec } from '../importer/inputs.ts'
import type { ConversionMessage, ConversionOrder, ConversionStage } from './messages.ts'

export interface Conversion {
  /** The PyTorch file. */
  readonly file: string
  readonly inputs: readonly InputSpec[] | undefined
  /** The ONNX file to write. Its folder is there and is used for nothing else: the process may write all of it. */
  readonly output: string
  readonly isChecked: boolean
}

/** What the process that imports gets. */
export interface ConverterOptions {
  /** What it may read beside the PyTorch file: Sconce itself and its packages. */
  readonly readable: readonly string[]
  readonly timeLimitMs: number
  readonly memoryLimitBytes: number
  /** Ends the import, with SHUTTING_DOWN. */
  readonly signal?: AbortSignal
}

const MEMORY_CHECK_MS = 200
const PAGE_BYTES = 4096
const LAST_WORDS_CHARS = 2000
/** How many plans of the self-check there are; one that ends ONNX Runtime's process is left out in a second try. */
const PLANS = 3

const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/**
 * Imports a PyTorch file into an ONNX file, in a process of its own. Throws IMPORT_REFUSED with the reason, or
 * IMPORT_FAILED where it is not the file's fault; what was written by then is the caller's to remove.
 */
export async function convert(
  conversion: Conversion,
  options: ConverterOptions,
  onStage: (stage: ConversionStage) => void = () => {},
): Promise<ImportReport> {
  const file = await realpath(conversion.file)
  const { isChecked, ...rest } = conversion
  for (let plan = 0; ; plan++) {
    const order = { ...rest, file, checkFrom: isChecked ? plan : undefined }
    const run = new ConverterProcess(order, options, onStage)
    const end = await run.ended
    if (end.type === 'done') return end.report
    const mayTryOther = end.type === 'crashed' && run.stage === 'checking' && plan + 1 < PLANS
    if (!mayTryOther) throw toFailure(end)
  }
}

type End =
  | Exclude<ConversionMessage, { type: 'stage' }>
  | { readonly type: 'stopped' }
  | { readonly type: 'crashed'; readonly what: string; readonly detail: string }

function toFailure(end: Exclude<End, { type: 'done' }>): Failure {
  // The process sends the whole text of its failure.
  if (end.type === 'stopped') return failure('SHUTTING_DOWN')
  if (end.type === 'refused') return new Failure('IMPORT_REFUSED', end.text)
  return failureWith({ cause: new Error(`${end.what}\n${end.detail}`) }, 'IMPORT_FAILED', end.what)
}

class ConverterProcess {
  readonly ended: Promise<End>
  stage: ConversionStage | undefined
  readonly #child: ChildProcess
  #end: End | undefined
  #lastWords = ''

  constructor(order: ConversionOrder, options: ConverterOptions, onStage: (stage: ConversionStage) => void) {
    this.#child = start(order, options)
    children.add(this.#child)
    const stop = this.#guard(options)
    this.#listen(onStage)
    this.ended = new Promise(resolve => {
      const finish = (end: End) => {
        stop()
        children.delete(this.#child)
        resolve(this.#end ?? end)
      }
      this.#child.once('error', error => finish(crash('its process could not be started', String(error))))
      this.#child.once('close', (code, signal) =>
        finish(crash(`its process ended with ${signal ?? `code ${code}`}`, this.#lastWords)),
      )
    })
  }

  /** Kills what takes too long or too much; the result ends that. */
  #guard({ timeLimitMs, memoryLimitBytes, signal }: ConverterOptions): () => void {
    const abort = () => {
      this.#end ??= { type: 'stopped' }
      this.#child.kill('SIGKILL')
    }
    signal?.addEventListener('abort', abort)
    if (signal?.aborted === true) abort()
    const kill = (what: string) => {
      this.#end ??= { type: 'refused', text: failure('IMPORT_REFUSED', what).message }
      this.#child.kill('SIGKILL')
    }
    const timer = setTimeout(
      () => kill(`it took longer than ${timeLimitMs / 1000} seconds, which is the limit (import_timeout)`),
      timeLimitMs,
    )
    const memory = setInterval(() => {
      if (residentBytes(this.#child.pid) <= memoryLimitBytes) return
      kill(`it needs more than ${Math.round(memoryLimitBytes / 2 ** 20)} MB of memory, which is the limit`)
    }, MEMORY_CHECK_MS)
    return () => {
      signal?.removeEventListener('abort', abort)
      clearTimeout(timer)
      clearInterval(memory)
    }
  }

  #listen(onStage: (stage: ConversionStage) => void): void {
    // stdio[3] was asked for as a pipe; it is not there where the system had no file descriptors left.
    const wire = this.#child.stdio?.[3] as Readable | undefined
    if (wire === undefined || this.#child.stderr === null) return
    wire.on('error', () => {}) // 'close' of the process tells the story.
    createInterface({ input: wire }).on('line', line => {
      const message = JSON.parse(line) as ConversionMessage
      if (message.type !== 'stage') this.#end ??= message
      else {
        this.stage = message.stage
        onStage(message.stage)
      }
    })
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#lastWords = (this.#lastWords + chunk.toString()).slice(-LAST_WORDS_CHARS)
    })
  }
}

function crash(what: string, detail: string): End {
  return { type: 'crashed', what, detail }
}

function start(order: ConversionOrder, { readable }: ConverterOptions): ChildProcess {
  const ending = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
  const program = fileURLToPath(new URL(`./program${ending}`, import.meta.url))
  const folder = dirname(order.output)
  const flags = [
    '--permission',
    '--allow-addons',
    ...[...readable, order.file, folder].map(path => `--allow-fs-read=${path}`),
    `--allow-fs-write=${folder}`,
    '--disable-warning=SecurityWarning',
    '--disable-warning=ExperimentalWarning',
  ]
  return spawn(process.execPath, [...flags, program, JSON.stringify(order)], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: {},
  })
}

/** Resident memory, where the system tells it: on Linux. */
function residentBytes(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES
  } catch {
    return 0
  }
}
