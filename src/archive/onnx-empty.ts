import { open } from 'node:fs/promises'
import { readParts } from './onnx-locations.ts'

/** Operators of ONNX Runtime 1.30 that end its process when a tensor without elements comes to them. */
const FATAL: readonly string[] = ['GRU', 'LSTM', 'TopK', 'Unique']
/** Those that the importer's graphs keep such tensors from. */
const GUARDED_BY_IMPORTER: ReadonlySet<string> = new Set(['TopK'])
const IMPORTER = 'sconce'

/** The operators of a graph for which it must not get a tensor without elements; most graphs have none. */
export async function operatorsFatalOnEmpty(modelFile: string): Promise<string[]> {
  const handle = await open(modelFile, 'r')
  try {
    const { producer, operators } = await readParts(handle)
    const isSafe = (name: string) => producer === IMPORTER && GUARDED_BY_IMPORTER.has(name)
    return FATAL.filter(name => operators.has(name) && !isSafe(name))
  } finally {
    await handle.close()
  }
}
