import type * as Grpc from '@grpc/grpc-js'
import type { ServerInterceptor } from '@grpc/grpc-js'
import { failure } from '../errors.ts'
import type { Logger } from '../telemetry/logger.ts'

type GrpcJs = Pick<typeof Grpc, 'ServerInterceptingCall' | 'ServerListenerBuilder'>

/**
 * Ends calls whose request does not arrive, and logs those that end without one. Of a stream that is its first message;
 * any other call is not answered before its client has said that there is no more.
 */
export function dropLate(grpc: GrpcJs, logger: Logger, limitMs: number): ServerInterceptor {
  return ({ path, requestStream }, call) => {
    let timer: NodeJS.Timeout | undefined
    let hasMessage = false
    let isThere = false
    const arrived = () => {
      isThere = true
      clearTimeout(timer)
    }
    const listener = new grpc.ServerListenerBuilder()
      .withOnReceiveMessage((message, next) => {
        hasMessage = true
        if (requestStream) arrived()
        next(message)
      })
      .withOnReceiveHalfClose(next => {
        // A call that is cut off looks as if its client had said that this is all.
        if (requestStream || hasMessage) arrived()
        next()
      })
      .withOnCancel(() => {
        clearTimeout(timer)
        if (isThere) return
        // Cancelled, cut off, or refused by grpc-js: too large, or not compressed as it says.
        logger.info('A call ended before its request was there', { client: call.getPeer(), url: path })
      })
      .build()
    return new grpc.ServerInterceptingCall(call, {
      start: next => {
        timer = setTimeout(() => {
          const { grpc: code, message: details } = failure('REQUEST_TOO_SLOW')
          call.sendStatus({ code, details })
        }, limitMs)
        timer.unref()
        next(listener)
      },
    })
  }
}
