import type { FastifyError, FastifyRequest } from 'fastify'
import { failure, failureWith, toFailure, type Failure } from '../errors.ts'

/** Whatever was thrown for a request, Fastify's own refusals and a body that was cut off too, as rows of our table. */
export function fromFramework(thrown: unknown, { raw }: FastifyRequest): Failure {
  if (thrown === raw.errored) return failure('CLIENT_GONE')
  const { code, statusCode, message } = thrown as Partial<FastifyError>
  if (typeof code !== 'string' || !code.startsWith('FST_')) return toFailure(thrown)
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return failure('BODY_TOO_LARGE')
  if (statusCode !== undefined && statusCode < 500) {
    return failureWith({ cause: thrown }, 'BAD_REQUEST', message ?? 'The request is malformed.')
  }
  return toFailure(thrown)
}
