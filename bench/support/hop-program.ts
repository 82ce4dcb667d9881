/**
 * The far side of the hop: answers each run with one answer of a given size. Arguments: `socket` (frames over file
 * descriptor 3, as a worker speaks) or `fork` (messages of child_process), and the size in bytes.
 */
import { Socket } from 'node:net'
import { encode, FrameReader } from '../../src/worker/framing.ts'
import type { FromWorker, ToWorker } from '../../src/worker/protocol.ts'

const [, , way, bytes] = process.argv
const body = Buffer.alloc(Number(bytes), 1)

if (way === 'fork') {
  process.on('message', (message: ToWorker) => void process.send?.(answer(message)))
  process.on('disconnect', () => process.exit(0))
} else {
  const wire = new Socket({ fd: 3, readable: true, writable: true })
  const reader = new FrameReader<ToWorker>(2 ** 31)
  wire.on('close', () => process.exit(0))
  wire.on('data', (chunk: Buffer) => {
    for (const message of reader.push(chunk)) {
      wire.cork()
      for (const piece of encode(answer(message))) wire.write(piece)
      wire.uncork()
    }
  })
}

function answer(message: ToWorker): FromWorker {
  const batch = message.type === 'run' ? message.batch : 0
  return {
    type: 'done',
    batch,
    answers: [{ ok: true, status: 200, contentType: 'application/json', headers: {}, body }],
    timings: { preprocess: [0, 1], inference: [1, 2], postprocess: [2, 3] },
    metrics: [],
  }
}
