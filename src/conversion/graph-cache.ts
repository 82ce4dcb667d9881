import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { failure } from '../errors.ts'
import { moduleFile } from '../home.ts'
import { onnxRuntimeVersion } from '../runtime/onnxruntime-version.ts'
import { cpuFingerprint } from './cpu-fingerprint.ts'
import { FencedProcess, type FencedEnd, type FenceLimits } from './fenced-process.ts'
import { hashFile } from './fingerprint.ts'
import type { OptimiseMessage } from './graph-messages.ts'
import { KeptResults, type KeptOptions } from './kept-results.ts'

export interface GraphCacheOptions extends Pick<KeptOptions, 'dir' | 'workDir' | 'maxBytes' | 'warn'> {
  /** What the process may read beside the model: Sconce itself and its packages. */
  readonly readable: readonly string[]
  readonly limits: FenceLimits
  info(message: string, fields: Record<string, unknown>): void
}

/** An ONNX file and the files with weights beside it. */
export interface PlainGraph {
  readonly modelFile: string
  readonly dataFiles: readonly string[]
}

/** A graph that is laid out for this machine, in a folder of its own. */
export interface OptimisedGraph {
  readonly dir: string
  readonly file: string
  /** Removes the folder. */
  release(): Promise<void>
}

const MODEL = 'model.onnx'
/**
 * Below it a graph loads in a few dozen milliseconds and a further copy of its weights is less than what any worker takes
 * (docs/decisions/0040-one-copy-of-the-weights.md).
 */
const WORTH_BYTES = 8 * 2 ** 20
/** How graphs are laid out; another number leaves the earlier ones alone. */
const FORM = 1

/**
 * Lays graphs out for this machine, each once: optimised, their weights prepacked and in a file that all workers map, so
 * that they share its pages. Results are kept by what they depend on. Knows nothing of models.
 */
export class GraphCache {
  readonly #options: GraphCacheOptions
  readonly #kept: KeptResults<null>
  readonly #closing = new AbortController()

  constructor(options: GraphCacheOptions) {
    this.#options = options
    this.#kept = new KeptResults({
      ...options,
      record: 'graph.json',
      words: {
        unwritable:
          'The cache of optimised graphs cannot be written: they are kept only until the server stops',
        damaged: 'A cached graph is damaged and is made again',
      },
    })
  }

  /**
   * The graph laid out, from the cache or fresh; undefined where it is too small to be worth it, or where that fails,
   * which the log says: then workers load the plain file. Throws SHUTTING_DOWN.
   */
  async open(plain: PlainGraph, fields: Record<string, unknown>): Promise<OptimisedGraph | undefined> {
    const startedAt = performance.now()
    const files = [plain.modelFile, ...plain.dataFiles]
    try {
      if ((await totalBytes(files)) < WORTH_BYTES) return undefined
      const { kept, placed } = await this.#kept.take(await keyOf(files), dir => this.#make(plain, dir))
      const ms = Math.round(performance.now() - startedAt)
      const what = kept.isNew
        ? 'Optimised a graph for this machine'
        : 'Took an optimised graph from the cache'
      this.#options.info(what, { ...fields, ms })
      return { ...placed, file: join(placed.dir, MODEL) }
    } catch (error) {
      if (this.#closing.signal.aborted) throw failure('SHUTTING_DOWN')
      const reason = error instanceof Error ? error.message : String(error)
      this.#options.warn('A graph was not optimised; each worker loads its own copy', { ...fields, reason })
      return undefined
    }
  }

  /** Ends what runs; nothing begins any more. */
  close(): void {
    this.#closing.abort()
  }

  async #make({ modelFile, dataFiles }: PlainGraph, folder: string): Promise<null> {
    const end = await new FencedProcess({
      program: moduleFile('conversion/optimise-program'),
      order: { file: modelFile, output: join(folder, MODEL) },
      readable: [...this.#options.readable, modelFile, ...dataFiles],
      folder,
      limits: { ...this.#options.limits, signal: this.#closing.signal },
      // The program is our own, behind the same types.
      take: message => message as OptimiseMessage,
    }).ended
    if (end.type === 'result' && end.result.type === 'done') return null
    throw new Error(sayEnd(end))
  }
}

function sayEnd(end: FencedEnd<OptimiseMessage>): string {
  if (end.type === 'result') return end.result.type === 'failed' ? end.result.reason : ''
  if (end.type === 'crashed') return `${end.what}: ${end.detail}`
  return end.type === 'limit' ? `it took too much ${end.limit}` : 'the server stops'
}

/** All that the result depends on: the files by name and content, ONNX Runtime, the processor, the form. */
async function keyOf(files: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(
    `${FORM}\n${onnxRuntimeVersion()}\n${process.platform}\n${await cpuFingerprint()}`,
  )
  for (const file of files) hash.update(`\n${await hashFile(file)}`)
  return hash.digest('hex')
}

async function totalBytes(files: readonly string[]): Promise<number> {
  const sizes = await Promise.all(files.map(file => stat(file)))
  return sizes.reduce((sum, { size }) => sum + size, 0)
}
