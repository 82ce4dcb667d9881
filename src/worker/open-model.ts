import type { HandlerLogger } from '../runtime/handler.ts'
import { openSession, type ModelSession } from '../runtime/session.ts'
import type { LoadOrder } from './protocol.ts'

type Log = (level: keyof HandlerLogger, message: string, fields: Record<string, unknown>) => void

/**
 * The session of a model that has an ONNX file: from the graph that is laid out for this machine where there is one, else,
 * or where that one does not open, from the file itself. Throws what ONNX Runtime says against the latter.
 */
export async function openModel(
  { modelFile, optimisedFile, threads, fatalOnEmpty }: LoadOrder,
  log: Log,
): Promise<ModelSession | undefined> {
  if (modelFile === undefined) return undefined
  if (optimisedFile !== undefined) {
    try {
      return await openSession(optimisedFile, { threads, fatalOnEmpty, isOptimised: false })
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      log('warn', 'The optimised graph cannot be loaded; this worker loads its own copy', { reason })
    }
  }
  return openSession(modelFile, { threads, fatalOnEmpty })
}
