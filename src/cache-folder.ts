import { homedir } from 'node:os'
import { join } from 'node:path'

/** A folder of Sconce in the user's cache folder: https://specifications.freedesktop.org/basedir-spec/latest/ */
export function cacheFolder(
  env: Readonly<Record<string, string | undefined>>,
  name: 'code' | 'graphs' | 'imports',
): string {
  return join(env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache'), 'sconce', name)
}
