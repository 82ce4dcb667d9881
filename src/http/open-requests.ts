import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ByteBudget } from '../byte-budget.ts'
import { failureWith, type Failure } from '../errors.ts'

/** One request until its answer is on its way, or nobody is there any more. */
export interface OpenRequest {
  readonly response: ServerResponse
  /** Where it stands among the others. */
  place: number
  /** Once it is known what was asked; with the client's address, which a closed connection no longer tells. */
  reply?: FastifyReply
  client?: string
  /** `performance.now()` */
  startedAt?: number
  /** Bytes that it has taken of the budget. */
  held: number
}

/** When the client of a refused request may try again. */
const RETRY_AFTER_S = 1

const OPEN = Symbol('open')
type Marked = ServerResponse & { [OPEN]?: OpenRequest }

/**
 * The requests of one app that are being read or answered, and what they hold of the budget of all. In a list and not in a
 * Map: a Map that so much comes and goes through leaves its outgrown tables behind, each holding on to the requests of its
 * time and to the next table, and the garbage collector keeps copying all of them
 * (docs/decisions/0060-the-way-of-a-small-request.md).
 */
export class OpenRequests {
  readonly #all: OpenRequest[] = []
  readonly #budget: ByteBudget
  readonly #maxRequestSize: number
  /** Told of each request that was read, once it is over. */
  onOver: (request: Required<OpenRequest>) => void = () => {}
  /** Told when there is one request less. */
  onGone: () => void = () => {}

  constructor(app: FastifyInstance, budget: ByteBudget, maxRequestSize: number) {
    this.#budget = budget
    this.#maxRequestSize = maxRequestSize
    // Before Fastify's own listener, which may have answered when it returns.
    app.server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
      const open: OpenRequest = { response, place: this.#all.length, held: 0 }
      this.#all.push(open)
      const marked: Marked = response
      marked[OPEN] = open
      response.once('close', () => this.#close(open))
    })
  }

  get size(): number {
    return this.#all.length
  }

  /** Those that are open now; which may change while somebody goes through them. */
  all(): OpenRequest[] {
    return [...this.#all]
  }

  /**
   * Takes a request's body off the budget before a byte of it is read; one without a length as it grows. The result is
   * why it cannot be had.
   */
  admit({ headers, raw }: FastifyRequest, reply: FastifyReply): Failure | undefined {
    const open = this.note(raw, reply)
    if (open === undefined) return undefined
    const length = Number(headers['content-length'] ?? 0)
    // A larger one is refused as such, without being kept.
    if (length > 0 && length <= this.#maxRequestSize) return this.#hold(open, length) ? undefined : tooMuch()
    if (headers['transfer-encoding'] !== undefined) this.#countChunks(raw, open)
    return undefined
  }

  /** Notes what was asked. */
  note({ socket }: IncomingMessage, reply: FastifyReply): OpenRequest | undefined {
    const open = openOf(reply.raw)
    if (open === undefined) return undefined
    open.reply = reply
    open.client = socket.remoteAddress ?? ''
    open.startedAt = performance.now()
    return open
  }

  /** Notes an answer that waits to be taken. */
  addAnswer(response: ServerResponse, bytes: number): void {
    const open = openOf(response)
    if (open === undefined) return
    open.held += bytes
    this.#budget.take(bytes)
  }

  #countChunks(raw: IncomingMessage, open: OpenRequest): void {
    const count = (chunk: Buffer) => {
      if (this.#hold(open, chunk.length)) return
      raw.off('data', count).pause()
      if (open.reply?.sent === false) void open.reply.send(tooMuch())
    }
    // Whoever reads the body starts it; a listener alone must not.
    raw.pause().on('data', count)
  }

  #hold(open: OpenRequest, bytes: number): boolean {
    if (!this.#budget.tryTake(bytes)) return false
    open.held += bytes
    return true
  }

  #close(open: OpenRequest): void {
    this.#remove(open)
    this.#budget.giveBack(open.held)
    if (isNoted(open)) this.onOver(open)
    this.onGone()
  }

  /** The last one takes its place. */
  #remove(open: OpenRequest): void {
    const last = this.#all.pop()
    if (last === undefined || last === open) return
    last.place = open.place
    this.#all[open.place] = last
  }
}

const openOf = (response: Marked) => response[OPEN]

function isNoted(open: OpenRequest): open is Required<OpenRequest> {
  return open.reply !== undefined
}

function tooMuch() {
  return failureWith({ retryAfterS: RETRY_AFTER_S }, 'TOO_MUCH_IN_FLIGHT')
}
