import { failureWith } from '../errors.ts'
import type { App } from './app.ts'

/** Where a listener binds. */
export type Binding =
  | { readonly kind: 'tcp'; readonly scheme: 'http' | 'https'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

/**
 * Binds an app; the result is the address as it can be used, with the port that was really taken. Throws BAD_CONFIG
 * where the system does not let it have the address.
 */
export async function listen(app: App, binding: Binding): Promise<string> {
  try {
    await app.listen(
      binding.kind === 'unix' ? { path: binding.path } : { host: binding.host, port: binding.port },
    )
  } catch (error) {
    throw refused(binding, error)
  }
  const address = app.server.address()
  const isTcp = typeof address === 'object' && address !== null
  return show(binding, isTcp ? address.port : undefined)
}

function show(binding: Binding, port?: number): string {
  if (binding.kind === 'unix') return `unix:${binding.path}`
  const host = binding.host.includes(':') ? `[${binding.host}]` : binding.host
  return `${binding.scheme}://${host}:${port ?? binding.port}`
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'something listens there already',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EACCES: 'this process may not listen there',
  ENOTFOUND: 'there is no host of that name',
}

function refused(binding: Binding, error: unknown): unknown {
  const code = String((error as NodeJS.ErrnoException).code)
  const reason = Object.hasOwn(REASONS, code) ? REASONS[code] : undefined
  if (reason === undefined) return error
  return failureWith({ cause: error }, 'BAD_CONFIG', `Cannot listen on ${show(binding)}: ${reason}.`)
}
