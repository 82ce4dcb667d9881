import { failure } from '../errors.ts'

/**
 * The requests of a stream until the server is about to stop; then SHUTTING_DOWN, so that a client that keeps its stream
 * open asks another server, and the stop does not wait for it.
 */
export async function* untilStopping<T>(all: AsyncIterable<T>, stopping: AbortSignal): AsyncGenerator<T> {
  const iterator = all[Symbol.asyncIterator]()
  for (;;) {
    const next = await orAborted(iterator.next(), stopping)
    if (next.done === true) return
    yield next.value
  }
}

async function orAborted<T>(next: Promise<T>, stopping: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = () => reject(failure('SHUTTING_DOWN'))
  stopping.addEventListener('abort', abort)
  if (stopping.aborted) abort()
  try {
    return await Promise.race([next, promise])
  } finally {
    stopping.removeEventListener('abort', abort)
  }
}
