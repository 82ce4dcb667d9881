import { enableCompileCache, flushCompileCache } from 'node:module'
import { cacheFolder } from '../cache-folder.ts'

/**
 * Keeps compiled code in the user's cache folder, which halves the time of a start; to be called before anything large
 * is imported. A folder that cannot be written costs nothing. Workers do without: one could write code for another.
 */
export function useCompiledCode(): void {
  enableCompileCache(cacheFolder(process.env, 'code'))
}

/** Writes now what would be written at the end, which a server that is killed does not reach. */
export function keepCompiledCode(): void {
  flushCompileCache()
}
