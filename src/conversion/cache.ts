import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { failure } from '../errors.ts'
import type { ImportReport } from '../importer/import.ts'
import type { InputSpec } from '../importer/inputs.ts'
import { convert, type ConverterOptions } from './convert.ts'
import { fingerprint } from './fingerprint.ts'
import { KeptResults, type KeptOptions } from './kept-results.ts'
import type { ConversionStage } from './messages.ts'

export interface ImportCacheOptions extends Pick<KeptOptions, 'dir' | 'workDir' | 'maxBytes' | 'warn'> {
  readonly converter: ConverterOptions
}

/** Who wants to know how an import is doing. Decides nothing. */
export interface ImportObserver {
  onStage(stage: ConversionStage): void
  /** `seconds` for all of it. */
  onDone(report: ImportReport, from: 'import' | 'cache', seconds: number): void
}

/** The result of an import, in a folder of its own. */
export interface Imported {
  readonly dir: string
  readonly modelFile: string
  /** Files with weights beside the model. */
  readonly dataFiles: readonly string[]
  /** Removes the folder. */
  release(): Promise<void>
}

const MODEL = 'model.onnx'

/** Imports PyTorch files, each once: results are kept by what they depend on. Knows nothing of models. */
export class ImportCache {
  readonly #converter: ConverterOptions
  readonly #kept: KeptResults<ImportReport>
  readonly #closing = new AbortController()

  constructor({ converter, ...kept }: ImportCacheOptions) {
    this.#converter = { ...converter, signal: this.#closing.signal }
    this.#kept = new KeptResults({
      ...kept,
      record: 'import.json',
      words: {
        unwritable: 'import_cache cannot be written: imports are kept only until the server stops',
        damaged: 'A cached import is damaged and is made again',
      },
    })
  }

  /** The result for a file, from the cache or fresh. Throws IMPORT_REFUSED or IMPORT_FAILED; then nothing is left. */
  async open(
    file: string,
    inputs: readonly InputSpec[] | undefined,
    observer: ImportObserver,
  ): Promise<Imported> {
    const startedAt = performance.now()
    const before = await identityOf(file)
    const key = await fingerprint(file, inputs)
    const { kept, placed } = await this.#kept.take(key, async dir => {
      const order = { file, inputs, output: join(dir, MODEL), isChecked: true }
      const report = await convert(order, this.#converter, stage => observer.onStage(stage))
      // The key stands for what the file was; what it has become must not be kept under it.
      if ((await identityOf(file)) !== before) throw failure('IMPORT_FAILED', 'the file changed meanwhile')
      return report
    })
    const seconds = (performance.now() - startedAt) / 1000
    observer.onDone(kept.report, kept.isNew ? 'import' : 'cache', seconds)
    const dataFiles = kept.names.filter(name => name !== MODEL).map(name => join(placed.dir, name))
    return { ...placed, modelFile: join(placed.dir, MODEL), dataFiles }
  }

  /** Ends the imports that run; none begins any more. */
  close(): void {
    this.#closing.abort()
  }
}

/** Differs where the file has been written or replaced. */
async function identityOf(file: string): Promise<string> {
  const { ino, size, mtimeNs } = await stat(file, { bigint: true })
  return `${ino} ${size} ${mtimeNs}`
}
