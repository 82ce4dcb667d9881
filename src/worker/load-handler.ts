import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'
import { moduleFile } from '../home.ts'
import type { Handler } from '../runtime/handler.ts'
import { VERBS } from './misspelled-verbs.ts'

const CONTRACT = pathToFileURL(moduleFile('runtime/handler')).href

/**
 * Imports a handler file by its path and makes the handler from its default export: an object as it is, a class
 * constructed without arguments. Throws an Error that says what the file should have exported.
 */
export async function loadHandler(file: string): Promise<Handler> {
  resolveForHandlers()
  // A module of unknown shape; what it exports is checked right here.
  const module = (await import(pathToFileURL(file).href).catch((error: unknown) => explain(error, file))) as {
    default?: unknown
  }
  const exported = module.default
  if (typeof exported === 'function') return checked(Reflect.construct(exported, []), file)
  return checked(exported, file)
}

/** An import fails in the engine's words, which may name neither the file nor what to do. */
function explain(error: unknown, file: string): never {
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  // The first line of a syntax error's stack is the place: file:line.
  const place = /:(\d+)$/.exec(stack?.split('\n', 1)[0] ?? '')?.[1]
  const name = `${file.replace(/^.*[/\\]/, '')}${place === undefined ? '' : ` line ${place}`}`
  const missing = /^Cannot find package '([^']+)'/.exec(message)?.[1]
  const said =
    missing === undefined
      ? message
      : `package ${missing} is not there; put what it needs into the archive as files`
  throw new Error(`Handler ${name} cannot be imported: ${said}`, { cause: error })
}

function checked(handler: unknown, file: string): Handler {
  const name = file.replace(/^.*[/\\]/, '')
  if (typeof handler !== 'object' || handler === null) {
    throw new Error(
      `Handler ${name} has no default export that is an object or a class with the verbs of a handler.`,
    )
  }
  for (const verb of VERBS) {
    const member: unknown = Reflect.get(handler, verb)
    if (member !== undefined && typeof member !== 'function') {
      throw new Error(`Handler ${name} exports "${verb}", which has to be a function.`)
    }
  }
  return handler
}

let resolving = false

/**
 * Lets a handler import `sconce/handler` and the packages that Sconce brings (sharp, ...) from wherever its archive
 * was unpacked: no node_modules folder is above it.
 */
function resolveForHandlers(): void {
  if (resolving) return
  resolving = true
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier === 'sconce/handler') return { url: CONTRACT, shortCircuit: true }
      try {
        return next(specifier, context)
      } catch (error) {
        if (/^[./]|^file:/.test(specifier)) throw error
        return next(specifier, { ...context, parentURL: import.meta.url })
      }
    },
  })
}
