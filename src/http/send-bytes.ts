import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { UNTYPED } from './app.ts'

export interface Bytes {
  readonly status: number
  /** '' sends none. */
  readonly contentType: string
  /** A handler's own. */
  readonly headers?: Readonly<Record<string, string>>
  /** Names and values of the edge's own, in turns. */
  readonly more?: readonly string[]
  /** Sent one after the other. */
  readonly pieces: readonly Uint8Array[]
}

/** Up to here a copy into one text with the head costs less than a second piece for the system to gather. */
const ONE_PIECE_BYTES = 16 * 1024
const NO_HEADERS = {}

/**
 * Sends an answer past Fastify's replies, whose hooks and checks cost a small model more than its run: with the headers
 * that `addHeaders` in app.ts gives all others. What asks for more than that (an error, headers of a handler's own) goes
 * the usual way.
 */
export function sendBytes(request: FastifyRequest, reply: FastifyReply, answer: Bytes): FastifyReply {
  const { status, headers = NO_HEADERS, pieces } = answer
  if (status !== 200 || Object.keys(headers).length > 0) return sendUsually(reply, answer)
  let length = 0
  for (const piece of pieces) length += piece.length
  request.server.openRequests.addAnswer(reply.raw, length)
  reply.raw.writeHead(200, headOf(request, answer, length)) // It may throw, and then the reply is still Fastify's.
  reply.hijack()
  // Latin-1 has a character for each byte; Node writes it in one piece with the head, which is Latin-1, too.
  if (length <= ONE_PIECE_BYTES) reply.raw.end(toLatin1(pieces), 'latin1')
  else writePieces(reply.raw, pieces)
  return reply
}

function sendUsually(reply: FastifyReply, { status, contentType, headers, pieces }: Bytes): FastifyReply {
  const [only] = pieces
  const body = only !== undefined && pieces.length === 1 ? only : Buffer.concat(pieces)
  return reply
    .code(status)
    .headers({ ...headers, 'content-type': contentType || UNTYPED })
    .send(body)
}

/** Names and values, in turns. */
function headOf({ id, server }: FastifyRequest, { contentType, more }: Bytes, length: number): string[] {
  const head = ['x-request-id', id, ...server.fixedHeaders, 'content-length', String(length)]
  if (contentType !== '') head.push('content-type', contentType)
  if (more !== undefined) head.push(...more)
  return head
}

function writePieces(response: ServerResponse, pieces: readonly Uint8Array[]): void {
  response.cork()
  for (const piece of pieces) response.write(piece)
  response.end()
  response.uncork()
}

function toLatin1(pieces: readonly Uint8Array[]): string {
  let text = ''
  for (const { buffer, byteOffset, byteLength } of pieces) {
    text += Buffer.from(buffer, byteOffset, byteLength).toString('latin1')
  }
  return text
}
