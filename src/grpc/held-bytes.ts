import type * as Grpc from '@grpc/grpc-js'
import type { ServerInterceptor } from '@grpc/grpc-js'
import type { ByteBudget } from '../byte-budget.ts'
import { failure } from '../errors.ts'

type GrpcJs = Pick<typeof Grpc, 'ServerInterceptingCall' | 'ServerListenerBuilder'>

/** Takes each message of a client off the budget until its call has its status; refuses those that there is no room for. */
export function holdBytes(grpc: GrpcJs, budget: ByteBudget): ServerInterceptor {
  return (_method, call) => {
    let held = 0
    const release = () => {
      budget.giveBack(held)
      held = 0
    }
    const listener = new grpc.ServerListenerBuilder()
      .withOnReceiveMessage((message: unknown, next) => {
        const bytes = message instanceof Uint8Array ? message.length : 0
        if (!budget.tryTake(bytes)) {
          const { grpc: code, message: details } = failure('TOO_MUCH_IN_FLIGHT')
          return call.sendStatus({ code, details })
        }
        held += bytes
        next(message)
      })
      .withOnCancel(release)
      .build()
    return new grpc.ServerInterceptingCall(call, {
      start: next => next(listener),
      sendStatus: (status, next) => {
        release()
        next(status)
      },
    })
  }
}
