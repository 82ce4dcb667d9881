import type { Terms } from '../../src/batching/entry.ts'
import { Queue, type Batch, type QueueOptions } from '../../src/batching/queue.ts'

/** A queue of numbers, whose answers are texts. */
export function makeQueue(options: Partial<QueueOptions> = {}): Queue<number, string> {
  return new Queue({ capacity: 100, batchSize: 4, maxDelayMs: 0, ...options })
}

/** Items whose answers nobody looks at. */
export function push(queue: Queue<number, string>, ...items: number[]): void {
  for (const item of items) ask(queue, item).catch(() => {})
}

/** The answer to an item that has to be let in. */
export function ask(queue: Queue<number, string>, item: number, terms: Partial<Terms> = {}): Promise<string> {
  const answer = queue.push(item, terms)
  if (answer instanceof Promise) return answer
  throw new Error(`It was refused: ${answer.refused}`)
}

export const itemsOf = ({ entries }: Batch<number, string>) => entries.map(({ item }) => item)

/** What a promise is rejected with; undefined where it is not. */
export const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )
