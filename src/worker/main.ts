/**
 * The worker's program: hosts one handler and speaks frames over file descriptor 3, with a payload file on 4 where its
 * argument says so. Standard output and error are the handler's own; the server turns them into log lines.
 */
import { Socket } from 'node:net'
import { toWorkerFailure } from './failures.ts'
import { encode, FrameReader } from './framing.ts'
import { openHost, type Host } from './host.ts'
import { PAYLOAD_FILE, PayloadFile } from './payload-file.ts'
import { plainFields } from './plain-fields.ts'
import type { FromWorker, LoadOrder, ToWorker } from './protocol.ts'

/** Larger than any request that the server lets in times any batch it makes. */
const MAX_FRAME_BYTES = 2 ** 32 - 1

const wire = new Socket({ fd: 3, readable: true, writable: true })
const file = process.argv[2] === PAYLOAD_FILE ? new PayloadFile(4, 'worker') : undefined
const reader = new FrameReader<ToWorker>(MAX_FRAME_BYTES, file)
let host: Host | undefined
/** Settles when the model is loaded and every batch that came was answered. */
let idle: Promise<unknown> = Promise.resolve()

// Ctrl-C in a terminal reaches the whole process group: the server decides when its workers end.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
// By default this signal opens the inspector.
process.on('SIGUSR1', () => {})
wire.on('data', (chunk: Buffer) => {
  for (const message of reader.push(chunk)) take(message)
})
// Without its server a worker is nothing.
wire.on('close', () => process.exit(0))
wire.on('error', () => process.exit(0))

function take(message: ToWorker): void {
  const before = idle
  if (message.type === 'load') idle = load(message.order)
  // A batch starts before the one ahead of it has ended: the host has its session run them in order.
  else if (message.type === 'run') idle = Promise.all([before, run(message)])
  else void before.then(() => wire.end(() => process.exit(0)))
}

async function run({ batch, verb, items }: Extract<ToWorker, { type: 'run' }>): Promise<void> {
  if (host === undefined) throw new Error('A run came before the load.')
  const result = await host.run(verb, items)
  send({ type: 'done', batch, ...result })
}

async function load(order: LoadOrder): Promise<void> {
  try {
    host = await openHost(order, (level, text, fields) =>
      send({ type: 'log', level, message: text, fields: plainFields(fields) }),
    )
    send({ type: 'loaded', ...host.loaded })
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error))
    const outOfMemory = toWorkerFailure(error).code === 'OUT_OF_MEMORY'
    send({ type: 'load-failed', message, detail: stack ?? message, outOfMemory })
  }
}

function send(message: FromWorker): void {
  const pieces = encode(message, file) // It may throw, and must not leave the wire corked.
  wire.cork()
  for (const piece of pieces) wire.write(piece)
  wire.uncork()
}
