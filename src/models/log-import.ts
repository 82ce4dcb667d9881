import type { ImportObserver } from '../conversion/cache.ts'

type Log = (message: string, fields: Record<string, unknown>) => void

/** Writes a line for each stage of an import, one for its end, and one for each warning. */
export function logImport(log: { readonly info: Log; readonly warn: Log }): ImportObserver {
  return {
    onStage: stage => log.info('Importing a PyTorch file', { stage }),
    onDone: ({ warnings, guessed, nodes, parameters }, from, seconds) => {
      const what =
        from === 'cache' ? 'Took an imported PyTorch file from the cache' : 'Imported a PyTorch file'
      log.info(what, { seconds, nodes, parameters })
      if (guessed.length > 0)
        log.warn('The inputs of the model were guessed; inputs in model-config.yaml tells them', { guessed })
      for (const warning of warnings) log.warn(warning, {})
    },
  }
}
