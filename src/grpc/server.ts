import { isIPv6, type Socket } from 'node:net'
import type * as Grpc from '@grpc/grpc-js'
import type { Server as GrpcServer, ServerCredentials, ServerOptions } from '@grpc/grpc-js'
import type { ByteBudget } from '../byte-budget.ts'
import { failureWith } from '../errors.ts'
import type { Logger } from '../telemetry/logger.ts'
import { Connections } from './connections.ts'
import { holdBytes } from './held-bytes.ts'
import { dropLate } from './late-requests.ts'
import { toGrpcJs, type Served } from './methods.ts'
import { OpenStreams, type Patience } from './open-streams.ts'

type GrpcJs = typeof Grpc

/** Where gRPC listens, and how long its connections may live; ages that are undefined are without limit. */
export interface GrpcListener {
  readonly host: string
  readonly port: number
  readonly maxConnectionAgeMs: number | undefined
  readonly maxConnectionAgeGraceMs: number | undefined
}

/** What clients may take of a listener. */
export interface GrpcLimits extends Patience {
  readonly connections: number
  /** For the first message of a call to arrive. */
  readonly requestTimeoutMs: number
}

export interface GrpcServerOptions {
  readonly listener: GrpcListener
  readonly services: readonly Served[]
  /** Largest message of a client in bytes. */
  readonly maxRequestSize: number
  readonly limits: GrpcLimits
  /** What all messages together may take. */
  readonly budget: ByteBudget
  /** PEM, where gRPC is encrypted. */
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | undefined
  readonly logger: Logger
  /** Aborted when the server is about to stop. */
  readonly stopping: AbortSignal
}

export interface OpenGrpcServer {
  /** As clients take it: `127.0.0.1:7070`. */
  readonly address: string
  /** Lets nobody in any more, waits until all calls have been answered or the time is over, then cuts them. */
  close(drainMs: number): Promise<void>
}

/** Calls at once on one connection; a client makes further ones wait. */
const MAX_CALLS = 256
/** A connection whose client does not answer a ping is dropped, one that never spoke HTTP/2 too. */
const PING_AFTER_MS = 60_000
const PING_PATIENCE_MS = 20_000

/**
 * Opens one gRPC listener with these services. Throws BAD_CONFIG where it cannot have its address. grpc-js is loaded for
 * the first connection: it would take a tenth of the start of a server to which nobody speaks gRPC.
 */
export async function openGrpcServer(options: GrpcServerOptions): Promise<OpenGrpcServer> {
  const { listener, tls, logger } = options
  let speaker: Promise<Speaker> | undefined
  const speak = () => (speaker ??= makeSpeaker(options))
  if (tls !== undefined) await speak() // It says whether key and certificate are good.
  const connections = await accept(options, socket => {
    // Nobody else listens until it is handed over: a connection that is reset meanwhile must not end the server.
    socket.on('error', () => {})
    speak().then(
      ({ take }) => {
        if (!socket.destroyed) take(socket)
      },
      (error: unknown) => {
        logger.error('gRPC cannot be spoken', { err: error })
        socket.destroy()
      },
    )
  })
  const streams = watchStreams(options, connections)
  return {
    address: toAddress({ ...listener, port: connections.port }),
    close: async drainMs => {
      await drain(await speaker?.catch(() => undefined), connections, { drainMs, logger })
      streams.close()
    },
  }
}

/** What speaks gRPC over connections that others have accepted. */
interface Speaker {
  readonly server: GrpcServer
  readonly take: (socket: Socket) => void
}

async function makeSpeaker(options: GrpcServerOptions): Promise<Speaker> {
  const { services, tls, stopping } = options
  const grpc = await import('@grpc/grpc-js')
  const server = new grpc.Server(toServerOptions(options, grpc))
  for (const served of services) {
    const { definition, handlers } = toGrpcJs(served, { newMetadata: () => new grpc.Metadata(), stopping })
    server.addService(definition, handlers)
  }
  const injector = server.createConnectionInjector(credentials(grpc, tls))
  return { server, take: socket => injector.injectConnection(socket) }
}

/** The connections are accepted here and not by grpc-js, which would take any number of them. */
async function accept(
  { listener, limits, logger }: GrpcServerOptions,
  onConnection: (socket: Socket) => void,
): Promise<Connections> {
  let isFull = false
  const onRefused = () => {
    if (!isFull) logger.warn('Connections are refused: there are max_connections', { ...limits })
    isFull = true
  }
  const { host, port } = listener
  try {
    return await Connections.listen({ host, port, max: limits.connections, onConnection, onRefused })
  } catch (error) {
    throw refused(toAddress(listener), error)
  }
}

function watchStreams({ limits, budget, logger }: GrpcServerOptions, connections: Connections): OpenStreams {
  return new OpenStreams({
    patience: limits,
    budget,
    isOurs: socket => connections.has(socket),
    onCut: (client, why) => logger.info('A client was cut off', { client, why }),
  })
}

function toServerOptions(
  { listener, limits, maxRequestSize, budget, logger }: GrpcServerOptions,
  grpc: GrpcJs,
): ServerOptions {
  const { maxConnectionAgeMs, maxConnectionAgeGraceMs } = listener
  return {
    'grpc.max_receive_message_length': maxRequestSize,
    'grpc.max_concurrent_streams': MAX_CALLS,
    'grpc.keepalive_time_ms': PING_AFTER_MS,
    'grpc.keepalive_timeout_ms': PING_PATIENCE_MS,
    'grpc.enable_channelz': 0,
    ...(maxConnectionAgeMs === undefined ? {} : { 'grpc.max_connection_age_ms': maxConnectionAgeMs }),
    ...(maxConnectionAgeGraceMs === undefined
      ? {}
      : { 'grpc.max_connection_age_grace_ms': maxConnectionAgeGraceMs }),
    interceptors: [dropLate(grpc, logger, limits.requestTimeoutMs), holdBytes(grpc, budget)],
  }
}

function credentials({ ServerCredentials: kinds }: GrpcJs, tls: GrpcServerOptions['tls']): ServerCredentials {
  if (tls === undefined) return kinds.createInsecure()
  return kinds.createSsl(null, [{ private_key: tls.key, cert_chain: tls.cert }], false)
}

const toAddress = ({ host, port }: Pick<GrpcListener, 'host' | 'port'>) =>
  `${isIPv6(host) ? `[${host}]` : host}:${port}`

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'something listens there already',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EACCES: 'this process may not listen there',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'there is no host of that name',
}

function refused(address: string, cause: unknown): Error {
  const { code = '', message } = cause as NodeJS.ErrnoException
  const reason = Object.hasOwn(REASONS, code) ? REASONS[code] : message
  return failureWith({ cause }, 'BAD_CONFIG', `Cannot listen for gRPC on ${address}: ${reason}.`)
}

/** grpc-js lets its sessions end; it does not wait for those of connections that it has not accepted itself. */
async function drain(
  speaker: Speaker | undefined,
  connections: Connections,
  { drainMs, logger }: { drainMs: number; logger: Logger },
): Promise<void> {
  const closed = connections.close()
  const timer = setTimeout(() => {
    logger.warn('gRPC calls were still open when the drain time was over; their connections are cut')
    speaker?.server.forceShutdown()
    connections.cut()
  }, drainMs)
  speaker?.server.tryShutdown(() => {})
  await closed
  clearTimeout(timer)
}
