import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { failure } from '../errors.ts'

export interface HandlerSearch {
  /** As the manifest or the register call names it: `image_classifier`, `handler.ts`, `handler.js`. */
  readonly handler: string
  /** The folder with the archive's files. */
  readonly archiveDir: string
  /** The folder with the handlers that ship with Sconce, and those the user put beside them. */
  readonly handlersDir: string
}

const SCRIPT = /\.(ts|js|mjs)$/
const PLAIN_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/

/**
 * The file of a handler: one of the archive's files by its name, else one in `handlers/` by its name without an
 * ending. Throws INVALID_MODEL with what to do instead.
 */
export async function findHandlerFile({ handler, archiveDir, handlersDir }: HandlerSearch): Promise<string> {
  // TorchServe's `file.py:function` names an entry point; a handler here has its default export.
  const name = handler.replace(/:[A-Za-z0-9_]*$/, '')
  if (!PLAIN_NAME.test(name))
    throw failure('INVALID_MODEL', `Handler name ${JSON.stringify(handler)} is not a plain file name.`)
  if (name.endsWith('.py')) {
    throw failure(
      'INVALID_MODEL',
      `Handler ${name} is Python, which Sconce does not run. Name a built-in handler (base_handler, ` +
        'image_classifier) or write the same steps as a TypeScript handler: see docs/guides/handlers.md.',
    )
  }
  if (SCRIPT.test(name)) {
    const file = join(archiveDir, name)
    if (await isFile(file)) return file
    throw failure('INVALID_MODEL', `Handler ${name} is not in the archive.`)
  }
  // From source the built-in handlers are TypeScript, in the published package JavaScript.
  for (const ending of ['.ts', '.js', '.mjs']) {
    const file = join(handlersDir, `${name}${ending}`)
    if (await isFile(file)) return file
  }
  throw failure(
    'INVALID_MODEL',
    `There is no handler ${name}: built in are base_handler and image_classifier; your own is a .ts, .js or .mjs ` +
      'file in the archive, named with its ending.',
  )
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isFile(),
    () => false,
  )
}
