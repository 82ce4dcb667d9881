import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import type { ByteBudget } from '../byte-budget.ts'
import { failure, failureWith } from '../errors.ts'
import type { AccessLog, Logger } from '../telemetry/logger.ts'
import { addFailureHeaders, AllowedMethods } from './allowed-methods.ts'
import { refuseBrokenHttp } from './broken-http.ts'
import { drainOnClose } from './drain.ts'
import { fromFramework } from './framework-failure.ts'
import { sendJson } from './json.ts'
import { isOpenInference, sendKserveFailure } from './kserve-failure.ts'
import { OpenRequests, type OpenRequest } from './open-requests.ts'
import { cutSlowClients } from './slow-clients.ts'
import { answerPlainHttp, tlsOptions, type TlsKeys } from './tls.ts'

export type App = FastifyInstance

declare module 'fastify' {
  interface FastifyInstance {
    /** Names and values of the headers that every answer has, in turns. */
    readonly fixedHeaders: readonly string[]
    readonly openRequests: OpenRequests
    readonly allowedMethods: AllowedMethods
  }
}

/** What clients may take of an app. */
export interface AppLimits {
  readonly connections: number
  /** For a whole request to arrive. */
  readonly requestTimeoutMs: number
  /** For a header, for `minRequestBytesPerS` of a body, and for some of an answer to be taken. */
  readonly clientTimeoutMs: number
  readonly minRequestBytesPerS: number
}

export interface AppOptions {
  readonly logger: Logger & AccessLog
  /** Largest request body in bytes. */
  readonly maxRequestSize: number
  readonly limits: AppLimits
  /** What the bodies of all apps together may take. */
  readonly budget: ByteBudget
  /** Values of the access-control-allow-* headers, where they are configured. */
  readonly cors: Readonly<Record<string, string>>
  /** Key and certificate where the app speaks TLS; plain HTTP is then refused. */
  readonly tls?: TlsKeys
  /** Aborted once the server is about to stop. */
  readonly draining?: AbortSignal
  /** Called once per response. */
  countResponse(status: number): void
}

/** Longest name in a path; longer ones are no route. */
const MAX_PARAM_CHARS = 1024
/** How often Node.js looks for what is late, in the time that a client gets. */
const LOOKS = 4

/** The content type of an answer that goes out without one: where none is set, Fastify sets one of its own. */
export const UNTYPED = 'application/vnd.sconce.untyped'
/** What Fastify takes for a media type; TorchServe takes any text. */
const MEDIA_TYPE = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(;|$)/

/** nginx's word for a client that left before its answer: only the log has it. */
const CLIENT_LEFT = 499

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
    requestTimeout: options.limits.requestTimeoutMs,
    exposeHeadRoutes: false,
    requestIdHeader: false, // The client's own id goes to the handler as a header; the answer's is the server's.
    genReqId: () => randomUUID(),
    return503OnClosing: false, // What came before the door closed is served.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_PARAM_CHARS },
    ...nodeOptions(options),
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    clientErrorHandler: (error, socket) =>
      refuseBrokenHttp(error, socket, status => options.countResponse(status)),
    frameworkErrors: (error, request, reply) => {
      app.openRequests.note(request.raw, reply)
      refuseUnrouted(options, error, request, reply)
    },
  })
  // TorchServe predicts on whatever comes with a body.
  app.addHttpMethod('GET', { hasBody: true, overrideExisting: true })
  app.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    const size = Number(request.headers['content-length'] ?? 0)
    if (size <= options.maxRequestSize) response.writeContinue()
    app.server.emit('request', request, response)
  })
  if (options.tls !== undefined) {
    const endSilent = answerPlainHttp(app.server)
    app.addHook('preClose', done => (endSilent(), done()))
  }
  const open = limitClients(app, options)
  app.removeAllContentTypeParsers()
  // The first is for bodies without a type; what the second one finds Fastify remembers by the type.
  for (const type of ['*', /^/])
    app.addContentTypeParser(type, { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.setErrorHandler((error, request, reply) => sendFailure(options, error, request, reply))
  app.setNotFoundHandler((request, reply) => sendFailure(options, failure('ROUTE_NOT_FOUND'), request, reply))
  app.decorate('fixedHeaders', [...Object.entries(UNCACHED), ...Object.entries(options.cors)].flat())
  app.decorate('openRequests', open)
  app.decorate('allowedMethods', new AllowedMethods(app))
  app.addHook('onRequest', (request, reply, done) => {
    const refused = open.admit(request, reply)
    if (refused !== undefined) return done(refused)
    const { headers } = request.raw
    const type = headers['content-type']
    if (type !== undefined && !MEDIA_TYPE.test(type)) headers['content-type'] = 'application/octet-stream'
    done()
  })
  app.addHook('onSend', (request, reply, payload, done) => {
    if (payload instanceof Uint8Array || typeof payload === 'string')
      open.addAnswer(reply.raw, payload.length)
    addHeaders(request, reply, options.cors)
    done()
  })
  return app
}

/** No route has a schema for Fastify, so that what would compile them is not loaded. */
function noSchemas(): never {
  throw new Error('A route has a schema, and there is nothing here that compiles it.')
}

/** What Node.js's own server is told. */
function nodeOptions({ tls, limits }: AppOptions) {
  const http = {
    headersTimeout: Math.min(limits.clientTimeoutMs, limits.requestTimeoutMs),
    connectionsCheckingInterval: limits.clientTimeoutMs / LOOKS,
  }
  return { http, https: tls === undefined ? null : { ...tlsOptions(tls), ...http } }
}

/** Bounds what clients take: connections, bytes and time. */
function limitClients(app: FastifyInstance, options: AppOptions): OpenRequests {
  const { limits, budget, logger, maxRequestSize, draining } = options
  const open = new OpenRequests(app, budget, maxRequestSize)
  cutSlowClients(app, open, {
    timeoutMs: limits.clientTimeoutMs,
    minBytesPerS: limits.minRequestBytesPerS,
    onCut: (client, why) => logger.info('A client was cut off', { client, why }),
  })
  open.onOver = request => record(options, request)
  drainOnClose(app, open, draining)
  app.server.maxConnections = limits.connections
  let isFull = false
  app.server.on('drop', () => {
    if (!isFull) logger.warn('Connections are refused: there are max_connections', { ...limits })
    isFull = true
  })
  return open
}

/** Counts an answer that is out and writes the access log. Not Fastify's hook: that never comes for a client that left. */
function record(options: AppOptions, { reply, client, startedAt }: Required<OpenRequest>): void {
  const { raw, request } = reply
  if (raw.writableFinished) options.countResponse(raw.statusCode)
  options.logger.access({
    client,
    method: request.method,
    url: request.url,
    status: raw.writableFinished ? raw.statusCode : CLIENT_LEFT,
    ms: Math.round((performance.now() - startedAt) * 1000) / 1000,
    requestId: request.id,
  })
}

function addHeaders(
  request: FastifyRequest,
  reply: FastifyReply,
  cors: Readonly<Record<string, string>>,
): void {
  if (reply.getHeader('content-type') === UNTYPED) reply.removeHeader('content-type')
  // TorchServe's 413 comes before its own code runs: no headers of its own.
  if (reply.statusCode === 413) return keepOpen(request, reply)
  reply.header('x-request-id', request.id)
  reply.headers(UNCACHED)
  for (const [name, value] of Object.entries(cors)) if (!reply.hasHeader(name)) reply.header(name, value)
  if (reply.statusCode < 400 || reply.hasHeader('connection')) return
  const isReused = WORTH_A_RETRY.has(reply.statusCode) && isReadOver(request)
  if (!isReused) reply.header('connection', 'close') // As TorchServe.
}

/** Who is to come again should not have to connect again: for a busy server that is more work than the refusal. */
const WORTH_A_RETRY: ReadonlySet<number> = new Set([503, 504])

/** Against what Fastify has set. */
function keepOpen(request: FastifyRequest, reply: FastifyReply): void {
  if (isReadOver(request)) reply.removeHeader('connection')
}

/** Whether a body that nobody wants is read over, so that the connection is good for the next request. */
function isReadOver({ headers }: FastifyRequest): boolean {
  // A client that asked first may never send the body, so what follows could be either.
  return headers['content-length'] !== undefined && headers.expect === undefined
}

/** What Fastify refuses before it has looked for a route, and so without any hook. */
function refuseUnrouted(
  options: AppOptions,
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const failed =
    error.code === 'FST_ERR_BAD_URL'
      ? failureWith({ cause: error }, 'BAD_REQUEST', 'The path is not valid percent-encoding.')
      : failureWith({ cause: error }, 'ROUTE_NOT_FOUND')
  reply.code(failed.http)
  addHeaders(request, reply, options.cors)
  sendFailure(options, failed, request, reply)
}

/** The one door through which everything that was thrown becomes an answer. */
function sendFailure(
  { logger }: AppOptions,
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const failed = fromFramework(thrown, request)
  if (failed.code === 'INTERNAL') {
    logger.error('A request failed in a way that is a bug', { err: failed.cause, requestId: request.id })
  }
  if (failed.http === 413) {
    reply.header('content-type', UNTYPED)
    return reply.code(413).send(Buffer.alloc(0))
  }
  // What no route took; the routes have an error handler of their own.
  if (isOpenInference(request.url)) return sendKserveFailure(failed, request, reply)
  addFailureHeaders(failed, request, reply)
  const reason = failed.reason === undefined ? {} : { reason: failed.reason }
  return sendJson(
    reply,
    { code: failed.http, type: failed.type, message: failed.message, ...reason },
    failed.http,
  )
}
