import type { Archive } from '../archive/reader.ts'
import type { ImportCache, ImportObserver } from '../conversion/cache.ts'
import { parseInputConfig } from '../importer/inputs.ts'
import { asFailure } from '../importer/refusal.ts'

/**
 * An archive whose model is a PyTorch file, with the ONNX file that it was imported into; any other one as it is.
 * `inputs` of its model-config.yaml describe what the graph takes. Throws IMPORT_REFUSED or IMPORT_FAILED; the
 * archive that was given is then still to be released.
 */
export async function importTorch(
  archive: Archive,
  imports: ImportCache,
  observer: ImportObserver,
): Promise<Archive> {
  if (archive.torchFile === undefined) return archive
  const inputs = asFailure(() => parseInputConfig(archive.config.raw['inputs']))
  const imported = await imports.open(archive.torchFile, inputs, observer)
  return {
    ...archive,
    modelFile: imported.modelFile,
    dataFiles: imported.dataFiles,
    readable: [...archive.readable, imported.dir],
    release: async () => {
      await imported.release()
      await archive.release()
    },
  }
}
