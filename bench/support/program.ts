import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Length } from './bench.ts'

/** Of the repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** What is measured: the package as it is published. A quick run, whose figures mean nothing, does without a build. */
export function programOf(length: Length): string {
  return join(ROOT, length === 'quick' ? 'src/cli/sconce.ts' : 'dist/src/cli/sconce.js')
}

/** Builds it, so that what is measured is what stands in the sources. Throws where that fails. */
export function buildProgram(): void {
  const { status } = spawnSync(process.execPath, [join(ROOT, 'scripts/build.ts')], {
    // Standard output may be JSON for a machine.
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (status !== 0) throw new Error(`The build failed with ${status}.`)
}
