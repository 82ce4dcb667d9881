import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Asked {
  /** `GET /models?limit=1`. */
  readonly line: string
  readonly authorization: string | undefined
}

export interface ScriptedServer {
  /** `http://127.0.0.1:40001` or `unix:/path`. */
  readonly address: string
  readonly asked: readonly Asked[]
  close(): Promise<void>
}

/** What is answered to each request line: JSON with status 200, a status and JSON, or text as it is. */
export type Script = Readonly<Record<string, object | readonly [status: number, body: object] | string>>

/** A real HTTP server that answers by heart, 404 to what it does not know; on a free port or a Unix socket. */
export async function listenScripted(script: Script, socket?: string): Promise<ScriptedServer> {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    const line = `${request.method} ${request.url}`
    asked.push({ line, authorization: request.headers.authorization })
    const found = script[line] ?? [404, { code: 404, type: 'X', message: `Not in the script: ${line}` }]
    const [status, body] = Array.isArray(found) && typeof found[0] === 'number' ? found : [200, found]
    response.statusCode = Number(status)
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  if (socket === undefined) server.listen(0, '127.0.0.1')
  else server.listen(socket)
  await once(server, 'listening')
  return {
    address:
      socket === undefined ? `http://127.0.0.1:${(server.address() as AddressInfo).port}` : `unix:${socket}`,
    asked,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
