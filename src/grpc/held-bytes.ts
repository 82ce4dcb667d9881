import type * as Grpc from '@grpc/grpc-js'
import type { ServerInterceptor } from '@grpc/grpc-js'
import type { ByteBudget } from '../byte-budget.ts'
import { failure } from '../errors.ts'

type GrpcJs = Pick<typeof Grpc, 'ServerInterceptingCall' | 'ServerListenerBuilder'>

/**
 * Takes each message of a client off the budget until it is answered, or its call has its status; refuses those that there
 * is no room for. The messages of a stream are answered in their order.
 */
export function holdBytes(grpc: GrpcJs, budget: ByteBudget): ServerInterceptor {
  return (_method, call) => {
    /** Of each message that is not answered yet. */
    const held: number[] = []
    let isOver = false
    const release = () => {
      isOver = true
      for (const bytes of held.splice(0)) budget.giveBack(bytes)
    }
    const listener = new grpc.ServerListenerBuilder()
      .withOnReceiveMessage((message: unknown, next) => {
        const bytes = message instanceof Uint8Array ? message.length : 0
        // What comes after the status is thrown away, and nobody would give its bytes back.
        if (isOver) return next(message)
        if (!budget.tryTake(bytes)) {
          const { grpc: code, message: details } = failure('TOO_MUCH_IN_FLIGHT')
          return call.sendStatus({ code, details })
        }
        held.push(bytes)
        next(message)
      })
      .withOnCancel(release)
      .build()
    return new grpc.ServerInterceptingCall(call, {
      start: next => next(listener),
      sendMessage: (message, next) => {
        budget.giveBack(held.shift() ?? 0)
        next(message)
      },
      sendStatus: (status, next) => {
        release()
        next(status)
      },
    })
  }
}
