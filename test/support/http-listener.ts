import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

export interface Post {
  readonly url: string
  readonly contentType: string | undefined
  readonly body: Buffer
}

export interface HttpListener {
  readonly origin: string
  /** Everything received so far. */
  readonly posts: readonly Post[]
  close(): Promise<void>
}

/** A real HTTP server on 127.0.0.1 that takes whatever is posted, such as a trace collector. */
export async function listenHttp(): Promise<HttpListener> {
  const posts: Post[] = []
  const server = createServer((request, response) => {
    void buffer(request).then(body => {
      posts.push({ url: request.url ?? '', contentType: request.headers['content-type'], body })
      response.end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // A TCP server's address is an object; a string only for pipes.
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    posts,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
