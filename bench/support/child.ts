import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { endWithUs } from './interruption.ts'

type Reply<R> = { readonly result: R } | { readonly error: string }

/** A program in a process of its own that carries out orders, one at a time. */
export class Child<Order extends object, Result> {
  readonly #process: ChildProcess

  /** `program` is the file of one that calls `answerOrders`. */
  constructor(program: URL) {
    // Bodies and tensors travel as bytes.
    // What a worker is started with too: otherwise glibc keeps what it takes to load a model.
    const env = { ...process.env, MALLOC_TRIM_THRESHOLD_: '131072' }
    this.#process = endWithUs(fork(fileURLToPath(program), { serialization: 'advanced', env }))
  }

  /** Rejects with what the program threw, or when it ends. */
  async run(order: Order): Promise<Result> {
    const child = this.#process
    const reply = await new Promise<Reply<Result>>((resolve, reject) => {
      const onMessage = (message: unknown): void => {
        child.removeListener('exit', onExit)
        // Both programs are ours and share the types of their orders.
        resolve(message as Reply<Result>)
      }
      const onExit = (code: number | null): void => {
        child.removeListener('message', onMessage)
        reject(new Error(`A measuring process ended with code ${code}`))
      }
      child.once('message', onMessage)
      child.once('exit', onExit)
      child.send(order)
    })
    if ('error' in reply) throw new Error(reply.error)
    return reply.result
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  stop(): void {
    if (this.#process.connected) this.#process.disconnect()
  }
}

/** The other side: answers each order with what `work` makes of it, until its parent lets go. */
export function answerOrders(work: (order: unknown) => Promise<object>): void {
  process.on('message', (order: unknown) => {
    work(order).then(
      result => process.send?.({ result }),
      (error: unknown) => process.send?.({ error: String(error) }),
    )
  })
  process.on('disconnect', () => process.exit(0))
}
