import { randomUUID } from 'node:crypto'
import type { Metadata, ServerUnaryCall } from '@grpc/grpc-js'
import { failure, toFailure, type Failure } from '../errors.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Encoded } from './protobuf/message.ts'
import { STATUS, toStatus, type CallStatus, type Wording } from './status.ts'

/** What a method knows of the call it answers, beside the request. */
export interface Call {
  /** Made by the server. */
  readonly requestId: string
  /** The metadata that is text. */
  readonly headers: Readonly<Record<string, string>>
  /** True once nobody waits for the answer: the client has cancelled or left, or its deadline has passed. */
  readonly isGone: () => boolean
  /** Whether its deadline has passed. */
  readonly isLate: () => boolean
  /** Milliseconds that are left until the deadline; undefined: it has none. */
  readonly timeoutMs: number | undefined
  /** Aborted once the client has cancelled or left. */
  readonly signal: AbortSignal
}

/** Which key lets a call in; undefined: none is needed. */
export type Api = 'inference' | 'management' | undefined

/** The rules for all calls of one service. */
export interface CallRules {
  readonly api: Api
  readonly wording: Wording
  readonly logger: Logger
  /** Throws INVALID_KEY where the metadata `authorization` does not have the key of the API. */
  checkKey(api: 'inference' | 'management', authorization: string | undefined): void
}

/** What the wrapped call needs of grpc-js, whichever kind of call it is. */
type RawCall = Pick<
  ServerUnaryCall<Buffer, Encoded>,
  'cancelled' | 'metadata' | 'getPeer' | 'getDeadline' | 'getPath'
> & { once(event: 'cancelled', listener: () => void): unknown }

/** A call that sends several messages. */
interface Sending {
  write(message: Encoded, taken: () => void): unknown
}

/**
 * The one wrapper that every method passes through: checks the key, gives the call to the method, turns what was thrown
 * into a status, writes the access log. Resolves, always, with the status that is to be sent.
 */
export async function answerCall(
  raw: RawCall,
  rules: CallRules,
  answer: (call: Call) => Promise<void>,
): Promise<CallStatus> {
  const call = openCall(raw)
  const startedAt = performance.now()
  let status: CallStatus = { code: STATUS.ok, details: 'OK' }
  try {
    if (rules.api !== undefined) rules.checkKey(rules.api, call.headers['authorization'])
    await answer(call)
    if (call.isGone()) throw whyGone(call)
  } catch (error) {
    status = toCallStatus(error, call, rules)
  }
  rules.logger.info('access', {
    client: raw.getPeer(),
    method: 'gRPC',
    url: raw.getPath(),
    status: status.code,
    ms: Math.round((performance.now() - startedAt) * 1000) / 1000,
    requestId: call.requestId,
  })
  return status
}

function toCallStatus(error: unknown, call: Call, { logger, wording }: CallRules): CallStatus {
  // Streams break in ways of their own once nobody is there.
  const failed = call.isGone() ? whyGone(call) : toFailure(error)
  if (failed.code === 'INTERNAL') {
    logger.error('A call failed in a way that is a bug', { err: failed.cause, requestId: call.requestId })
  }
  return toStatus(failed, wording)
}

function whyGone({ isLate }: Call): Failure {
  return failure(isLate() ? 'DEADLINE_PASSED' : 'CLIENT_GONE')
}

function openCall(raw: RawCall): Call {
  const gone = new AbortController()
  if (raw.cancelled) gone.abort()
  else raw.once('cancelled', () => gone.abort())
  const deadline = Number(raw.getDeadline())
  // The clock tells earlier than grpc-js, which needs a turn of the event loop to close the call.
  const isLate = () => Date.now() >= deadline
  return {
    requestId: randomUUID(),
    headers: toHeaders(raw.metadata),
    isLate,
    isGone: () => gone.signal.aborted || raw.cancelled || isLate(),
    get timeoutMs() {
      return Number.isFinite(deadline) ? deadline - Date.now() : undefined
    },
    signal: gone.signal,
  }
}

/** Values of one name are joined, as in HTTP. Binary ones are left out. */
function toHeaders(metadata: Metadata): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of Object.keys(metadata.getMap())) {
    const values = metadata.get(name).filter(value => typeof value === 'string')
    if (values.length > 0) headers[name] = values.join(', ')
  }
  return headers
}

/** Sends each of the messages once the client has taken the one before; ends early once nobody is there. */
export async function sendEach(
  raw: Sending,
  messages: AsyncIterable<Encoded>,
  { isGone, signal }: Call,
): Promise<void> {
  for await (const message of messages) {
    if (isGone()) return
    await taken(raw, message, signal)
  }
}

function taken(raw: Sending, message: Encoded, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const done = () => {
    signal.removeEventListener('abort', done)
    resolve()
  }
  signal.addEventListener('abort', done)
  raw.write(message, done)
  if (signal.aborted) done()
  return promise
}
