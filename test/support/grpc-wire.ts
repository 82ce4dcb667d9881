/** Calls of gRPC as they go over the wire, for clients that do what no client does. */
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import { onTestFinished } from 'vitest'

/** A connection of its own; gone at the end of the test. */
export async function connectHttp2(address: string | undefined): Promise<ClientHttp2Session> {
  const session = connect(`http://${address}`)
  session.on('error', () => {})
  onTestFinished(() => session.destroy())
  await new Promise(resolve => session.once('connect', resolve))
  return session
}

/** Opens a call; nobody reads its answer yet. */
export function openCall(
  session: ClientHttp2Session,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': `/${path}`,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  })
  stream.on('error', () => {})
  return stream
}

/** A message behind its head. */
export function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** The status of a call, in the trailers or in a response that is nothing else; 'none' where it ends without. */
export function statusOf(stream: ClientHttp2Stream): Promise<unknown> {
  stream.resume()
  return new Promise(resolve => {
    for (const event of ['response', 'trailers'] as const) {
      stream.on(event, (headers: Record<string, unknown>) => {
        if (headers['grpc-status'] !== undefined) resolve(headers['grpc-status'])
      })
    }
    stream.on('close', () => resolve('none'))
  })
}
