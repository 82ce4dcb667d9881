import type { Socket } from 'node:net'
import { failure, failureWith, type Failure } from '../errors.ts'

// Not imported: that reads each of its exports, and some bring fetch along, which takes 40 ms of the start.
const { maxHeaderSize, STATUS_CODES } = process.getBuiltinModule('node:http')

/** How long a client that was refused may take to read why. */
const REFUSAL_MS = 2000
/** What a request did; other codes are of connections: a handshake that failed, a reset. */
const OF_REQUESTS = /^(HPE_|ERR_HTTP_)/

/**
 * The answer to bytes that are not HTTP, to more header than is allowed, and to what comes too slowly. There is no
 * request of it, and so no line in the access log; it is counted where it is answered.
 */
export function refuseBrokenHttp(
  { code }: NodeJS.ErrnoException,
  socket: Socket,
  countResponse: (status: number) => void,
): void {
  const { http, type, message, reason } = toRefusal(code)
  const more = reason === undefined ? {} : { reason }
  const body = `${JSON.stringify({ code: http, type, message, ...more }, null, 2)}\n`
  const head = [
    `HTTP/1.1 ${http} ${STATUS_CODES[http]}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  if (socket.writable) {
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
    if (OF_REQUESTS.test(code ?? '')) countResponse(http)
  }
  socket.resume() // What is unread would make the system cut the connection, and the answer with it.
  setTimeout(() => socket.destroy(), REFUSAL_MS).unref()
}

function toRefusal(code: string | undefined): Failure {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return failure('REQUEST_TOO_SLOW')
  if (code === 'HPE_HEADER_OVERFLOW') return failure('HEADER_TOO_LARGE', maxHeaderSize / 1024)
  return failureWith({ reason: 'Expected a well-formed request of HTTP/1.1.' }, 'INVALID_HTTP')
}
