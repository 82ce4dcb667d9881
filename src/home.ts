/** Where this package lies, and in it what is started or imported by the name of its file. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What is published has been bundled by scripts/build.ts: this file is then a part of any other. */
const IS_BUILT = import.meta.url.endsWith('.js')
const ENDING = IS_BUILT ? '.js' : '.ts'

/** The package's root: the folder above this file with package.json. */
export const HOME = findHome()

/** Has `src/` and `handlers/` in it. */
const CODE = IS_BUILT ? join(HOME, 'dist') : HOME

/** The folder of the handlers that ship with Sconce. */
export const HANDLERS_DIR = join(CODE, 'handlers')

/** Folders with all of Sconce's code. Not the package's root: a model store may lie there. */
export const CODE_FOLDERS: readonly string[] = IS_BUILT ? [CODE] : [join(CODE, 'src'), HANDLERS_DIR]

/** The file of a module below `src/` that is started, or looked up, by its name: `worker/main`. */
export function moduleFile(name: string): string {
  return join(CODE, 'src', `${name}${ENDING}`)
}

export function readVersion(): string {
  // Our own file: what it holds is known.
  const { version } = JSON.parse(readFileSync(join(HOME, 'package.json'), 'utf8')) as { version: string }
  return version
}

function findHome(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder)
    if (parent === folder)
      throw new Error('The package.json of Sconce is missing: the installation is broken.')
    folder = parent
  }
  return folder
}
