import type { App } from './app.ts'

/** Where a listener binds. */
export type Binding =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

/** Binds an app; the result is the address as it can be used, with the port that was really taken. */
export async function listen(app: App, binding: Binding): Promise<string> {
  if (binding.kind === 'unix') {
    await app.listen({ path: binding.path })
    return `unix:${binding.path}`
  }
  await app.listen({ host: binding.host, port: binding.port })
  const address = app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : binding.port
  const host = binding.host.includes(':') ? `[${binding.host}]` : binding.host
  return `http://${host}:${port}`
}
