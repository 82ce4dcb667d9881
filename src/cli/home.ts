import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The package's root: the folder above this file with package.json, from source and from what was built. */
export function findHome(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder)
    if (parent === folder)
      throw new Error('The package.json of Sconce is missing: the installation is broken.')
    folder = parent
  }
  return folder
}

export function readVersion(home: string): string {
  // Our own file: what it holds is known.
  const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version: string }
  return version
}
