import type { Archive } from '../archive/reader.ts'
import type { GraphCache } from '../conversion/graph-cache.ts'

/** An archive whose workers may be started. */
export interface ReadyArchive extends Archive {
  /** Its graph laid out for this machine; undefined: workers load the model's own file. */
  readonly optimisedFile: string | undefined
}

/** The archive with its graph laid out for this machine where there is a graph that is worth it. */
export async function optimiseGraph(
  archive: Archive,
  graphs: GraphCache | undefined,
  fields: Record<string, unknown>,
): Promise<ReadyArchive> {
  const { modelFile, dataFiles } = archive
  const optimised = modelFile === undefined ? undefined : await graphs?.open({ modelFile, dataFiles }, fields)
  if (optimised === undefined) return { ...archive, optimisedFile: undefined }
  return {
    ...archive,
    optimisedFile: optimised.file,
    readable: [...archive.readable, optimised.dir],
    release: async () => {
      await optimised.release()
      await archive.release()
    },
  }
}
