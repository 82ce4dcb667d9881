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

type Event<T> = { readonly next: IteratorResult<T> } | { readonly error: unknown } | 'answered'

/** What `work` makes of each of these, in their order; up to `window` of them at once. */
export async function* inOrder<From, To>(
  all: AsyncIterable<From>,
  work: (one: From) => Promise<To>,
  window: number,
): AsyncGenerator<To> {
  const iterator = all[Symbol.asyncIterator]()
  const read = (): Promise<Event<From>> =>
    iterator.next().then(
      next => ({ next }),
      (error: unknown) => ({ error }),
    )
  const working: Promise<To>[] = []
  let ended: { readonly error?: unknown } | undefined
  let reading: Promise<Event<From>> | undefined
  while (ended === undefined || working.length > 0) {
    if (ended === undefined && working.length < window) reading ??= read()
    const event = await Promise.race([...(reading === undefined ? [] : [reading]), ...firstOf(working)])
    if (event === 'answered') {
      yield await (working.shift() as Promise<To>)
      continue
    }
    reading = undefined
    if ('error' in event) ended = event
    else if (event.next.done === true) ended = {}
    else working.push(begin(work, event.next.value))
  }
  if ('error' in ended) throw ended.error
}

/** What fails is told when its turn comes, or to nobody where that does not come any more. */
function begin<From, To>(work: (one: From) => Promise<To>, one: From): Promise<To> {
  const working = work(one)
  working.catch(() => {})
  return working
}

function firstOf(working: readonly Promise<unknown>[]): Promise<'answered'>[] {
  const [first] = working
  if (first === undefined) return []
  return [first.then(answered, answered)]
}

const answered = () => 'answered' as const
