/** What the process that imports gets of the machine it runs on. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { totalMemoryBytes, workerProgram } from '../pool/worker-program.ts'
import type { ImportCacheOptions } from './cache.ts'
import type { ConverterOptions } from './convert.ts'

/** An import that takes more than this share of all memory is ended before the kernel ends anything. */
const MEMORY_SHARE = 0.8

/** `home` is the package's root. */
export function converterOptions(home: string, timeLimitMs: number): ConverterOptions {
  return {
    readable: workerProgram(home, {}, undefined).readable,
    timeLimitMs,
    memoryLimitBytes: totalMemoryBytes() * MEMORY_SHARE,
  }
}

/** The cache and the process of a server's imports. */
export function importSurroundings(
  home: string,
  env: Readonly<Record<string, string | undefined>>,
  models: { readonly importCache: string | undefined; readonly importTimeoutMs: number },
): Pick<ImportCacheOptions, 'dir' | 'converter'> {
  return {
    dir: models.importCache ?? defaultCacheDir(env),
    converter: converterOptions(home, models.importTimeoutMs),
  }
}

/** `sconce/imports` in the user's cache folder: https://specifications.freedesktop.org/basedir-spec/latest/ */
function defaultCacheDir(env: Readonly<Record<string, string | undefined>>): string {
  return join(env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache'), 'sconce', 'imports')
}
