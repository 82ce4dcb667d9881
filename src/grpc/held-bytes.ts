import type * as Grpc from '@grpc/grpc-js'
import type { ServerInterceptor } from '@grpc/grpc-js'
import type { ByteBudget } from '../byte-budget.ts'
import { failure } from '../errors.ts'

type GrpcJs = Pick<typeof Grpc, 'ServerInterceptingCall' | 'ServerListenerBuilder'>
type InnerCall = Parameters<ServerInterceptor>[1]

/**
 * Takes the messages of each call off the budget: a client's until its answer is out, an answer until the client has
 * taken it. Refuses a client's message that there is no room for. The n-th answer of a stream is that to its n-th message.
 */
export function holdBytes(grpc: GrpcJs, budget: ByteBudget): ServerInterceptor {
  class HoldingCall extends grpc.ServerInterceptingCall {
    readonly #held: HeldBytes

    constructor(call: InnerCall, held: HeldBytes) {
      super(call, {
        start: next => next(listenFor(grpc, call, held)),
        sendStatus: (status, next) => {
          held.releaseRequests()
          next(status)
        },
      })
      this.#held = held
    }

    override sendMessage(message: unknown, sent: () => void): void {
      const bytes = lengthOf(message)
      this.#held.takeAnswer(bytes)
      super.sendMessage(message, () => {
        this.#held.answered(bytes)
        sent()
      })
    }
  }
  return (_method, call) => new HoldingCall(call, new HeldBytes(budget))
}

function listenFor(grpc: GrpcJs, call: InnerCall, held: HeldBytes) {
  return new grpc.ServerListenerBuilder()
    .withOnReceiveMessage((message: unknown, next) => {
      if (held.tryTakeRequest(lengthOf(message))) return next(message)
      const { grpc: code, message: details } = failure('TOO_MUCH_IN_FLIGHT')
      return call.sendStatus({ code, details })
    })
    .withOnCancel(() => held.releaseAll())
    .build()
}

/** Messages are bytes, or will be: see methods.ts. */
function lengthOf(message: unknown): number {
  const { byteLength } = message as { readonly byteLength?: unknown }
  return typeof byteLength === 'number' ? byteLength : 0
}

/** What one call has of the budget. Once it is over it takes nothing, and gives back what it has once. */
class HeldBytes {
  readonly #budget: ByteBudget
  /** Of the messages of its client that are not answered yet. */
  #requests: number[] = []
  #answers = 0
  #isOver = false

  constructor(budget: ByteBudget) {
    this.#budget = budget
  }

  tryTakeRequest(bytes: number): boolean {
    if (this.#isOver || !this.#budget.tryTake(bytes)) return false
    this.#requests.push(bytes)
    return true
  }

  takeAnswer(bytes: number): void {
    if (this.#isOver) return
    this.#answers += bytes
    this.#budget.take(bytes)
  }

  answered(bytes: number): void {
    if (this.#isOver) return
    this.#answers -= bytes
    this.#budget.giveBack(bytes + (this.#requests.shift() ?? 0))
  }

  releaseRequests(): void {
    for (const bytes of this.#requests) this.#budget.giveBack(bytes)
    this.#requests = []
  }

  releaseAll(): void {
    this.releaseRequests()
    this.#budget.giveBack(this.#answers)
    this.#answers = 0
    this.#isOver = true
  }
}
