import { randomBytes } from 'node:crypto'
import { mkdir, readdir, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { failure } from '../errors.ts'
import type { ImportReport } from '../importer/import.ts'
import { convert, type Conversion } from './convert.ts'
import type { ConversionStage } from './messages.ts'
import { converterOptions } from './surroundings.ts'

/** A person watches, and can end it. */
const TIME_LIMIT_MS = 3600 * 1000

/**
 * Imports a PyTorch file into an ONNX file, which appears, with the weights beside it where they are too many for one
 * file, only when all is done. `home` is the package's root. Throws BAD_REQUEST where a file or folder is missing.
 */
export async function convertToFile(
  conversion: Conversion,
  onStage: (stage: ConversionStage) => void,
): Promise<ImportReport> {
  const { file, output } = conversion
  if ((await stat(file).catch(() => undefined))?.isFile() !== true) {
    throw failure('BAD_REQUEST', `${file} is not a file`)
  }
  const folder = await realpath(dirname(resolve(output))).catch(() => {
    throw failure('BAD_REQUEST', `The folder ${dirname(output)} is not there`)
  })
  const work = join(folder, `.${basename(output)}.${randomBytes(8).toString('hex')}`)
  try {
    await mkdir(work)
    const made = join(work, basename(output))
    const report = await convert({ ...conversion, output: made }, converterOptions(TIME_LIMIT_MS), onStage)
    // The longer name is that of the weights: they have to be there before the graph is.
    const names = (await readdir(work)).toSorted((one, other) => other.length - one.length)
    for (const name of names) await rename(join(work, name), join(folder, name))
    return report
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
