import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Failure } from '../errors.ts'
import { addFailureHeaders } from './allowed-methods.ts'

/** Whether an address belongs to the Open Inference Protocol, whatever comes after. */
export function isOpenInference(url: string): boolean {
  return /^\/v2(?:[/?]|$)/.test(url)
}

/** KServe's `{"error": text}`, with TorchServe's members beside it: a client of either finds what it looks for. */
export function sendKserveFailure(
  failed: Failure,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  addFailureHeaders(failed, request, reply)
  return sendCompact(reply, describeFailure(failed, request), failed.http)
}

/** A body that is too large is told with the limit, in the words that clients look for. */
function describeFailure({ code, message, http, type, reason }: Failure, { routeOptions }: FastifyRequest) {
  const limit = `It exceeds the maximum allowed ${routeOptions.bodyLimit} bytes.`
  const why = reason ?? (code === 'BODY_TOO_LARGE' ? limit : undefined)
  const more = why === undefined ? {} : { reason: why }
  return { error: why === undefined ? message : `${message} ${why}`, code: http, type, message, ...more }
}

/** JSON in one line, as the Open Inference Protocol's servers print it. */
export function sendCompact(reply: FastifyReply, value: unknown, status = 200): FastifyReply {
  // A Buffer, because Fastify adds a charset to JSON that it gets as text.
  return reply
    .code(status)
    .header('content-type', 'application/json')
    .send(Buffer.from(JSON.stringify(value)))
}
