import { toFailure } from '../errors.ts'
import type { Call } from './call.ts'
import { infer, type InferParts } from './infer.ts'
import type { Read, Written } from './protobuf/message.ts'
import type { ModelInferRequest, ModelStreamInferResponse } from './services-open-inference.ts'
import { toStatus } from './status.ts'

type Request = Read<typeof ModelInferRequest>
type Response = Written<typeof ModelStreamInferResponse>

/** Requests of one stream that are worked on at once, so that they can form a batch. */
const WINDOW = 8

/** Triton's header that asks for a stream to end with the status of the first request that fails. */
const ERROR_HEADER = 'triton_grpc_error'

/**
 * Triton's stream of inferences: an answer for each request, in their order. One that fails has its text in
 * `error_message`, and the stream goes on.
 */
export function inferStream(
  parts: InferParts,
  requests: AsyncIterable<Request>,
  call: Call,
): AsyncGenerator<Response> {
  const endsAtFailure = call.headers[ERROR_HEADER] === 'true'
  return inOrder(
    requests,
    async request => {
      try {
        const response = await infer(parts, request, call)
        return { infer_response: { ...response, parameters: FINAL } }
      } catch (error) {
        if (endsAtFailure || call.isGone()) throw error
        const { details } = toStatus(toFailure(error), 'plain')
        return { error_message: details, infer_response: { id: request.id } }
      }
    },
    WINDOW,
  )
}

/** A model that answers once says so with its answer. */
const FINAL = new Map([['triton_final_response', { bool_param: true }]])

/**
 * What `work` makes of each of these, in their order; up to `window` of them at once. What they are read from has to keep
 * the order of its readers, as an async generator does.
 */
export async function* inOrder<From, To>(
  all: AsyncIterable<From>,
  work: (one: From) => Promise<To>,
  window: number,
): AsyncGenerator<To> {
  const iterator = all[Symbol.asyncIterator]()
  const begin = () => {
    const working = iterator
      .next()
      .then(async next => (next.done === true ? undefined : { done: await work(next.value) }))
    // What fails is told when its turn comes, or to nobody where that does not come any more.
    working.catch(() => {})
    return working
  }
  const working = Array.from({ length: window }, begin)
  for (;;) {
    const first = await working.shift()
    if (first === undefined) return
    yield first.done
    working.push(begin())
  }
}
