import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import { failure, failureWith, toFailure, type Failure } from '../errors.ts'
import type { Logger } from '../telemetry/logger.ts'
import { sendJson } from './json.ts'

export type App = FastifyInstance

export interface AppOptions {
  readonly logger: Logger
  /** Largest request body in bytes. */
  readonly maxRequestSize: number
  /** Values of the access-control-allow-* headers, where they are configured. */
  readonly cors: Readonly<Record<string, string>>
  /** Called once per response. */
  countResponse(status: number): void
}

/** Longest name in a path; longer ones are no route. */
const MAX_PARAM_CHARS = 1024
/** A request that is not whole after this time is dropped: a slow writer must not hold a connection for ever. */
const REQUEST_TIMEOUT_MS = 300_000

const UNCACHED = {
  pragma: 'no-cache',
  'cache-control': 'no-cache; no-store, must-revalidate, private',
  expires: 'Thu, 01 Jan 1970 00:00:00 UTC',
}

/**
 * A Fastify instance with what all listeners share: TorchServe's response headers, its error body behind one door,
 * bodies as bytes, the access log. Routes are added by the caller.
 */
export function createApp(options: AppOptions): App {
  const app = Fastify({
    logger: false,
    bodyLimit: options.maxRequestSize,
    requestTimeout: REQUEST_TIMEOUT_MS,
    exposeHeadRoutes: false,
    requestIdHeader: false, // The client's own id goes to the handler as a header; the answer's is the server's.
    genReqId: () => randomUUID(),
    return503OnClosing: false, // What came before the door closed is served.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_PARAM_CHARS },
    clientErrorHandler: (_error, socket) => refuseBrokenHttp(socket),
    frameworkErrors: (error, request, reply) => void sendFailure(options, error, request, reply),
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.setErrorHandler((error, request, reply) => sendFailure(options, error, request, reply))
  app.setNotFoundHandler((request, reply) => sendFailure(options, failure('ROUTE_NOT_FOUND'), request, reply))
  app.addHook('onSend', (request, reply, _payload, done) => {
    addHeaders(request, reply, options.cors)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    options.countResponse(reply.statusCode)
    options.logger.info('access', {
      client: request.ip,
      method: request.method,
      url: request.url,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 1000) / 1000,
      requestId: request.id,
    })
    done()
  })
  return app
}

function addHeaders(
  request: FastifyRequest,
  reply: FastifyReply,
  cors: Readonly<Record<string, string>>,
): void {
  // TorchServe's 413 comes before its own code runs: no headers of its own.
  if (reply.statusCode === 413) return
  reply.header('x-request-id', request.id)
  reply.headers(UNCACHED)
  for (const [name, value] of Object.entries(cors)) if (!reply.hasHeader(name)) reply.header(name, value)
  if (reply.statusCode >= 400) reply.header('connection', 'close')
  // An answer without a content type is marked with '': Fastify would call it octet-stream.
  if (reply.getHeader('content-type') === '') reply.removeHeader('content-type')
}

/** The one door through which everything that was thrown becomes an answer. */
function sendFailure(
  { logger }: AppOptions,
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const failed = fromFramework(thrown)
  if (failed.code === 'INTERNAL') {
    logger.error('A request failed in a way that is a bug', { err: failed.cause, requestId: request.id })
  }
  if (failed.http === 413) {
    reply.header('content-type', '')
    return reply.code(413).send(Buffer.alloc(0))
  }
  if (failed.retryAfterS !== undefined) reply.header('retry-after', String(failed.retryAfterS))
  const reason = failed.reason === undefined ? {} : { reason: failed.reason }
  return sendJson(
    reply,
    { code: failed.http, type: failed.type, message: failed.message, ...reason },
    failed.http,
  )
}

/** Fastify's own refusals, as rows of our table. */
function fromFramework(thrown: unknown): Failure {
  const { code, statusCode, message } = thrown as Partial<FastifyError>
  if (typeof code !== 'string' || !code.startsWith('FST_')) return toFailure(thrown)
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return failure('BODY_TOO_LARGE')
  if (statusCode !== undefined && statusCode < 500) {
    return failureWith({ cause: thrown }, 'BAD_REQUEST', message ?? 'The request is malformed.')
  }
  return toFailure(thrown)
}

/** The answer to bytes that are not HTTP, or more header than is allowed. */
function refuseBrokenHttp(socket: Socket): void {
  const { http, type, message } = failure('INVALID_HTTP')
  const body = `${JSON.stringify({ code: http, type, message }, null, 2)}\n`
  const head = [
    'HTTP/1.1 400 Bad Request',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  if (socket.writable) socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
