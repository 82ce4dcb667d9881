/** Part of the composition root: what is made of models once and kept, imports and optimised graphs. */
import type { Config } from './config/config.ts'
import { ImportCache } from './conversion/cache.ts'
import { GraphCache } from './conversion/graph-cache.ts'
import { graphSurroundings, importSurroundings } from './conversion/surroundings.ts'
import type { Logger } from './telemetry/logger.ts'

interface Surroundings {
  readonly config: Config
  readonly logger: Logger
  readonly env: Readonly<Record<string, string | undefined>>
}

interface Caches {
  readonly imports: ImportCache
  /** undefined: `optimized_graph_cache` is off. */
  readonly graphs: GraphCache | undefined
}

/** What runs in them ends when `stopping` is aborted. */
export function openCaches(
  { config, env, logger }: Surroundings,
  workDir: string,
  stopping: AbortSignal,
): Caches {
  const { graphCache, cacheBytes: maxBytes } = config.models
  const info: Logger['info'] = (message, fields) => logger.info(message, fields)
  const warn: Logger['warn'] = (message, fields) => logger.warn(message, fields)
  const kept = { workDir, maxBytes, info, warn }
  const imports = new ImportCache({ ...importSurroundings(env, config.models), ...kept })
  const folder = typeof graphCache === 'string' ? graphCache : undefined
  const graphs = graphCache && new GraphCache({ ...graphSurroundings(env, folder), ...kept })
  stopping.addEventListener('abort', () => {
    imports.close()
    if (graphs) graphs.close()
  })
  return { imports, graphs: graphs || undefined }
}
