import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach } from 'vitest'

const tlsFolder = join(import.meta.dirname, '../fixtures/archive-server')

/** The certificate of `https` servers; it is its own authority, for localhost and 127.0.0.1. */
export const certificateFile = join(tlsFolder, 'certificate.pem')

export interface WebServer {
  readonly port: number
  /** `http://127.0.0.1:4711` */
  readonly origin: string
  /** A pattern for allowed_urls under which everything of this server is allowed. */
  readonly pattern: string
  /** The requests received so far, as `GET /path` followed by the Host header. */
  readonly requests: readonly string[]
}

/** Real servers on 127.0.0.1 that are gone after each test. Called once per file, outside the tests. */
export function webServers(): (answer: RequestListener, scheme?: 'http' | 'https') => Promise<WebServer> {
  const open: Server[] = []
  afterEach(async () => {
    for (const server of open.splice(0)) {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  })
  return async (answer, scheme = 'http') => {
    const requests: string[] = []
    const listener: RequestListener = (request, response) => {
      requests.push(`${request.method} ${request.url} ${request.headers.host}`)
      answer(request, response)
    }
    const server = scheme === 'http' ? createServer(listener) : createTlsServer(identity(), listener)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    open.push(server)
    // A TCP server's address is an object; a string only for pipes.
    const { port } = server.address() as AddressInfo
    return {
      port,
      origin: `${scheme}://127.0.0.1:${port}`,
      pattern: `${scheme}://127\\.0\\.0\\.1:${port}/.*`,
      requests,
    }
  }
}

function identity() {
  return { cert: readFileSync(certificateFile), key: readFileSync(join(tlsFolder, 'key.pem')) }
}
