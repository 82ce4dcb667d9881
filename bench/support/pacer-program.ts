/** The pacer's thread: sleeps for as many microseconds as its cell says, then says that it woke up. */
import { workerData } from 'node:worker_threads'

// The parent is a Pacer: it gives nothing else. [0] is the sleep that is wanted, 0 for none.
const cell = workerData as Int32Array<SharedArrayBuffer>

for (;;) {
  Atomics.wait(cell, 0, 0)
  Atomics.wait(cell, 1, 0, Atomics.load(cell, 0) / 1000)
  Atomics.store(cell, 0, 0)
  Atomics.notify(cell, 0)
}
