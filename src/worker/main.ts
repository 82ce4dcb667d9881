/**
 * The worker's program: hosts one handler and speaks frames over file descriptor 3. Standard output and error are
 * the handler's own; the server turns them into log lines.
 */
import { Socket } from 'node:net'
import { toWorkerFailure } from './failures.ts'
import { encode, FrameReader } from './framing.ts'
import { openHost, type Host } from './host.ts'
import type { FromWorker, LoadOrder, ToWorker } from './protocol.ts'

/** Larger than any request that the server lets in times any batch it makes. */
const MAX_FRAME_BYTES = 2 ** 32 - 1

const wire = new Socket({ fd: 3, readable: true, writable: true })
const reader = new FrameReader<ToWorker>(MAX_FRAME_BYTES)
let host: Host | undefined
let queue = Promise.resolve()

// Ctrl-C in a terminal reaches the whole process group: the server decides when its workers end.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
wire.on('data', (chunk: Buffer) => {
  for (const message of reader.push(chunk)) queue = queue.then(() => take(message))
})
// Without its server a worker is nothing.
wire.on('close', () => process.exit(0))
wire.on('error', () => process.exit(0))

async function take(message: ToWorker): Promise<void> {
  switch (message.type) {
    case 'load':
      return load(message.order)
    case 'run': {
      if (host === undefined) throw new Error('A run came before the load.')
      const result = await host.run(message.verb, message.items)
      return send({ type: 'done', batch: message.batch, ...result })
    }
    case 'stop':
      wire.end(() => process.exit(0))
  }
}

async function load(order: LoadOrder): Promise<void> {
  try {
    host = await openHost(order, (level, text, fields) => send({ type: 'log', level, message: text, fields }))
    send({ type: 'loaded', ...host.loaded })
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error))
    const outOfMemory = toWorkerFailure(error).code === 'OUT_OF_MEMORY'
    send({ type: 'load-failed', message, detail: stack ?? message, outOfMemory })
  }
}

function send(message: FromWorker): void {
  wire.cork()
  for (const piece of encode(message)) wire.write(piece)
  wire.uncork()
}
