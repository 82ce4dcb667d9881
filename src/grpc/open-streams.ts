import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { ByteBudget } from '../byte-budget.ts'
import { failure, type Failure } from '../errors.ts'
import { dropEndlessTimeout } from './endless-timeout.ts'
import { MessageMeter } from './message-meter.ts'

/** How long clients may take. */
export interface Patience {
  /** What a client gets in which too little of a message comes, or nothing of an answer is taken. */
  readonly clientTimeoutMs: number
  /** Bytes a second that a message must come with, over `clientTimeoutMs`. */
  readonly minRequestBytesPerS: number
}

export interface OpenStreamsOptions {
  readonly patience: Patience
  readonly budget: ByteBudget
  /** Whether this is the other end of one of the listener's connections. */
  readonly isOurs: (socket: Socket) => boolean
  readonly onCut: (client: string, why: string) => void
}

interface Mark {
  readonly at: number
  readonly bytes: number
}

/** One stream of HTTP/2, which is one call. */
interface OpenStream {
  readonly meter: MessageMeter
  /** Bytes that have come. */
  read: number
  /** Bytes of an incomplete message that are off the budget. */
  held: number
  reading?: Mark | undefined
  writing?: Mark | undefined
}

/** So many looks in the time that a client gets. */
const LOOKS = 4
/** Less than this in `clientTimeoutMs` is pings and the like, and no answer that is being taken. */
const MIN_TAKEN_BYTES = 4096

const CREATED = 'http2.server.stream.created'

/**
 * Watches the streams of HTTP/2 below the calls of one listener: what grpc-js gathers of a message before it tells of it
 * is taken off the budget, and clients that send a message, or take an answer, too slowly are cut off. grpc-js does not
 * show its streams; Node.js does, to whoever asks on its channel.
 */
export class OpenStreams {
  readonly #options: OpenStreamsOptions
  readonly #all = new Map<ServerHttp2Stream, OpenStream>()
  readonly #timer: NodeJS.Timeout
  readonly #onCreated = (message: unknown) => {
    // The type is that of the channel: https://nodejs.org/api/diagnostics_channel.html#http2
    const { stream, headers } = message as { stream: ServerHttp2Stream; headers: IncomingHttpHeaders }
    const socket = stream.session?.socket
    if (socket === undefined || !this.#options.isOurs(socket)) return
    dropEndlessTimeout(headers)
    this.#watch(stream)
  }

  constructor(options: OpenStreamsOptions) {
    this.#options = options
    subscribe(CREATED, this.#onCreated)
    this.#timer = setInterval(() => this.#look(performance.now()), options.patience.clientTimeoutMs / LOOKS)
    this.#timer.unref()
  }

  close(): void {
    unsubscribe(CREATED, this.#onCreated)
    clearInterval(this.#timer)
  }

  #watch(stream: ServerHttp2Stream): void {
    const open: OpenStream = { meter: new MessageMeter(), read: 0, held: 0 }
    this.#all.set(stream, open)
    // Not before somebody reads: a listener alone would start the stream.
    stream.once('resume', () => stream.on('data', (chunk: Buffer) => this.#count(stream, open, chunk)))
    stream.once('close', () => {
      this.#all.delete(stream)
      this.#options.budget.giveBack(open.held)
      open.held = 0
    })
  }

  #count(stream: ServerHttp2Stream, open: OpenStream, chunk: Buffer): void {
    if (isOver(stream)) return
    const { budget } = this.#options
    open.read += chunk.length
    open.meter.add(chunk)
    budget.giveBack(open.held)
    open.held = 0
    const bytes = open.meter.incomplete
    if (budget.tryTake(bytes)) open.held = bytes
    else refuse(stream, failure('TOO_MUCH_IN_FLIGHT'))
  }

  #look(at: number): void {
    for (const [stream, open] of this.#all) {
      if (isOver(stream)) continue
      if (this.#readsTooSlowly(stream, open, at)) {
        this.#cut(stream, 'it did not take its answer')
        stream.close(constants.NGHTTP2_CANCEL)
      } else if (this.#sendsTooSlowly(stream, open, at)) {
        this.#cut(stream, 'its request came too slowly')
        refuse(stream, failure('REQUEST_TOO_SLOW'))
      }
    }
  }

  /** A stream that the server itself has paused, to answer what came first, is not its client's fault. */
  #sendsTooSlowly(stream: ServerHttp2Stream, open: OpenStream, at: number): boolean {
    const { clientTimeoutMs, minRequestBytesPerS } = this.#options.patience
    const isDue = open.meter.incomplete > 0 && !stream.isPaused()
    const { reading } = open
    if (isDue && reading !== undefined && at - reading.at < clientTimeoutMs) return false
    open.reading = isDue ? { at, bytes: open.read } : undefined
    if (!isDue || reading === undefined) return false
    return (open.read - reading.bytes) * 1000 < minRequestBytesPerS * (at - reading.at)
  }

  /** By what its connection takes: Node.js does not tell more. */
  #readsTooSlowly(stream: ServerHttp2Stream, open: OpenStream, at: number): boolean {
    const isDue = stream.writableLength > 0
    const { writing } = open
    if (isDue && writing !== undefined && at - writing.at < this.#options.patience.clientTimeoutMs)
      return false
    const bytes = stream.session?.socket.bytesWritten ?? 0
    open.writing = isDue ? { at, bytes } : undefined
    return isDue && writing !== undefined && bytes - writing.bytes < MIN_TAKEN_BYTES
  }

  #cut(stream: ServerHttp2Stream, why: string): void {
    this.#options.onCut(stream.session?.socket.remoteAddress ?? '', why)
  }
}

/** A stream may be gone before it says so. */
const isOver = ({ closed, destroyed }: ServerHttp2Stream) => closed || destroyed

/** Ends a call as grpc-js would, with a status and nothing else; where an answer has begun, without a status. */
function refuse(stream: ServerHttp2Stream, failed: Failure): void {
  if (stream.headersSent) return stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM)
  stream.respond(
    {
      ':status': 200,
      'content-type': 'application/grpc+proto',
      'grpc-status': failed.grpc,
      'grpc-message': encodeURI(failed.message),
    },
    { endStream: true },
  )
  stream.close(constants.NGHTTP2_NO_ERROR)
}
