import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseModelConfig } from '../archive/model-config.ts'
import type { WriteOptions } from '../archive/writer.ts'
import { convertToFile } from '../conversion/to-file.ts'
import { parseInputConfig, parseInputFlag, type InputSpec } from '../importer/inputs.ts'
import { asFailure } from '../importer/refusal.ts'

interface Converted {
  /** The same archive with an ONNX file in place of the PyTorch file. */
  readonly options: WriteOptions
  readonly warnings: readonly string[]
  remove(): Promise<void>
}

/**
 * Converts the PyTorch file of an archive that is to be packed. Its inputs are those of `--input`, else those of its
 * model-config.yaml, else they are guessed.
 */
export async function convertFirst(
  options: WriteOptions,
  given: readonly string[] | undefined,
): Promise<Converted> {
  const file = options.serializedFile ?? ''
  const inputs =
    given?.map(text => asFailure(() => parseInputFlag(text))) ?? (await configuredInputs(options))
  const folder = await mkdtemp(join(tmpdir(), 'sconce-convert-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    const output = join(folder, `${basename(file).replace(/\.(pt|pth)$/i, '')}.onnx`)
    const report = await convertToFile({ file, inputs, output, isChecked: true }, () => {})
    const weights = (await readdir(folder))
      .filter(name => name.endsWith('.data'))
      .map(name => join(folder, name))
    const extraFiles = [...(options.extraFiles === undefined ? [] : [options.extraFiles]), ...weights].join(
      ',',
    )
    const guessed = report.guessed.map(text => `the inputs were guessed: --input "${text}" says the same`)
    return {
      options: { ...options, serializedFile: output, extraFiles },
      warnings: [...guessed, ...report.warnings],
      remove,
    }
  } catch (error) {
    await remove()
    throw error
  }
}

async function configuredInputs({ configFile }: WriteOptions): Promise<InputSpec[] | undefined> {
  if (configFile === undefined) return undefined
  const { raw } = parseModelConfig(await readFile(configFile, 'utf8'))
  return asFailure(() => parseInputConfig(raw['inputs']))
}
