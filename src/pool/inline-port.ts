import type { Answer, Item, LoadOrder, Verb } from '../worker/protocol.ts'
import { LoadFailed, WorkerEnded, type BatchResult, type Loaded, type WorkerPort } from './port.ts'

/** What a port needs of a handler's host; `worker/host.ts` is one. */
export interface InlineHost {
  readonly loaded: Loaded
  run(verb: Verb, items: readonly Item[]): Promise<BatchResult & { answers: readonly Answer[] }>
}

/**
 * A worker in the server's own process: for debugging a handler (`debug=true`) and for tests. It cannot be killed
 * while it computes, and a native fault in it is the server's.
 */
export class InlinePort implements WorkerPort {
  readonly outgrown = undefined
  readonly pid = undefined
  readonly ended: Promise<WorkerEnded>
  readonly #open: (order: LoadOrder) => Promise<InlineHost>
  #host: InlineHost | undefined
  #running: Promise<unknown> = Promise.resolve()
  #end: (why: WorkerEnded) => void = () => {}

  constructor(open: (order: LoadOrder) => Promise<InlineHost>) {
    this.#open = open
    this.ended = new Promise(resolve => (this.#end = resolve))
  }

  async load(order: LoadOrder): Promise<Loaded> {
    try {
      this.#host = await this.#orEnded(this.#open(order))
      return this.#host.loaded
    } catch (error) {
      if (error instanceof WorkerEnded) throw error
      const { message, stack } = error instanceof Error ? error : new Error(String(error))
      throw new LoadFailed(message, stack ?? message)
    }
  }

  run(verb: Verb, items: readonly Item[]): Promise<BatchResult> {
    const host = this.#host
    if (host === undefined) return Promise.reject(new WorkerEnded('has not loaded its model'))
    // Requests share their headers, and a handler may write into what it gets.
    const own = items.map(item => ({ ...item, headers: { ...item.headers } }))
    const result = this.#orEnded(this.#running.then(() => host.run(verb, own)))
    this.#running = result.catch(() => {})
    return result
  }

  memoryBytes(): undefined {
    return undefined
  }

  stop(): void {
    void this.#running.then(() => this.#end(new WorkerEnded('was stopped')))
  }

  kill(reason: string): void {
    this.#end(new WorkerEnded(reason))
  }

  #orEnded<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.ended.then(why => Promise.reject(why))])
  }
}
