/** What the process that imports gets of the machine it runs on. */
import { cacheFolder } from '../cache-folder.ts'
import { totalMemoryBytes, workerProgram } from '../pool/worker-program.ts'
import type { ImportCacheOptions } from './cache.ts'
import type { ConverterOptions } from './convert.ts'
import type { GraphCacheOptions } from './graph-cache.ts'

/** An import that takes more than this share of all memory is ended before the kernel ends anything. */
const MEMORY_SHARE = 0.8

const GRAPH_TIME_LIMIT_MS = 120_000

type Env = Readonly<Record<string, string | undefined>>

export function converterOptions(timeLimitMs: number): ConverterOptions {
  return {
    readable: workerProgram({}, undefined).readable,
    timeLimitMs,
    memoryLimitBytes: totalMemoryBytes() * MEMORY_SHARE,
  }
}

/** The cache and the process of a server's imports. */
export function importSurroundings(
  env: Env,
  models: { readonly importCache: string | undefined; readonly importTimeoutMs: number },
): Pick<ImportCacheOptions, 'dir' | 'converter'> {
  return {
    dir: models.importCache ?? cacheFolder(env, 'imports'),
    converter: converterOptions(models.importTimeoutMs),
  }
}

/** The same for optimised graphs. */
export function graphSurroundings(
  env: Env,
  folder: string | undefined,
): Pick<GraphCacheOptions, 'dir' | 'readable' | 'limits'> {
  const { readable, ...limits } = converterOptions(GRAPH_TIME_LIMIT_MS)
  return { dir: folder ?? cacheFolder(env, 'graphs'), readable, limits }
}
