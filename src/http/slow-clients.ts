import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { failure } from '../errors.ts'
import type { OpenRequest, OpenRequests } from './open-requests.ts'

export interface Patience {
  /** What a client gets in which nothing comes, or too little, or nothing is taken. */
  readonly timeoutMs: number
  /** Bytes a second that a request must come with, over `timeoutMs`. */
  readonly minBytesPerS: number
  readonly onCut: (client: string, why: string) => void
}

interface Mark {
  readonly at: number
  readonly bytesRead: number
}

/** So many looks in the time that a client gets. */
const LOOKS = 4

/**
 * Cuts off clients that send a request too slowly, with 408, and those that do not take their answer. A client whose
 * turn it is not, because the model still computes, may take its time.
 */
export function cutSlowClients(app: FastifyInstance, open: OpenRequests, patience: Patience): void {
  const { timeoutMs, minBytesPerS, onCut } = patience
  const marks = new WeakMap<OpenRequest, Mark>()
  const look = (request: OpenRequest, at: number) => {
    const { response } = request
    const { socket } = response.req
    if (response.writableEnded) return limitWriting(response, patience)
    if (response.req.complete) return
    const { bytesRead } = socket
    const mark = marks.get(request)
    if (mark !== undefined && at - mark.at < timeoutMs) return
    marks.set(request, { at, bytesRead })
    if (mark === undefined || (bytesRead - mark.bytesRead) * 1000 >= minBytesPerS * (at - mark.at)) return
    onCut(clientOf(socket), 'its request came too slowly')
    refuse(request, socket)
  }
  const timer = setInterval(() => {
    const at = performance.now()
    for (const request of open.all()) look(request, at)
  }, timeoutMs / LOOKS)
  timer.unref()
  app.addHook('onClose', (_app, done) => {
    clearInterval(timer)
    done()
  })
}

/** Node's own limit counts while nothing at all moves, and ends when the connection waits for its next request. */
function limitWriting(response: ServerResponse, { timeoutMs, onCut }: Patience): void {
  const { socket } = response.req
  if (socket.destroyed || socket.timeout === timeoutMs) return
  const client = clientOf(socket)
  const tell = () => onCut(client, 'it did not take its answer')
  socket.setTimeout(timeoutMs)
  socket.once('timeout', tell)
  // The connection may have many more answers to bring.
  response.once('close', () => socket.off('timeout', tell))
}

function refuse({ reply }: OpenRequest, socket: Socket): void {
  if (reply?.sent === false) void reply.send(failure('REQUEST_TOO_SLOW'))
  else socket.destroy()
}

const clientOf = ({ remoteAddress = '' }: Socket) => remoteAddress
