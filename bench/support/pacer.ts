import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** A wake-up costs some 20 microseconds: what is due within this time is sent together. */
const LEAST_MS = 0.25

/**
 * Waits to a fraction of a millisecond. Timers of the event loop are whole milliseconds, and a loop that spins would
 * take a core from what is measured; a thread that sleeps takes neither.
 */
export class Pacer {
  /** [0]: microseconds of the sleep that is under way, 0 for none. [1] stays 0: it is only slept on. */
  readonly #cell = new Int32Array(new SharedArrayBuffer(8))
  readonly #thread = new Worker(new URL('pacer-program.ts', import.meta.url), { workerData: this.#cell })

  /** Returns when it can wait exactly: a thread takes its time to start. */
  async ready(): Promise<void> {
    await once(this.#thread, 'online')
    await this.until(performance.now())
  }

  /** `at` is a moment of `performance.now()`; returns a little after it. One at a time. */
  async until(at: number): Promise<void> {
    const sleepUs = Math.ceil(Math.max(at - performance.now(), LEAST_MS) * 1000)
    Atomics.store(this.#cell, 0, sleepUs)
    Atomics.notify(this.#cell, 0)
    await Atomics.waitAsync(this.#cell, 0, sleepUs).value
  }

  async stop(): Promise<void> {
    await this.#thread.terminate()
  }
}
