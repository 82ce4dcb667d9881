/** Two ways to a child process and back: the one that Sconce takes, and Node's own. */
import { fork, spawn, type ChildProcess } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { encode, FrameReader } from '../../src/worker/framing.ts'
import type { FromWorker, ToWorker } from '../../src/worker/protocol.ts'

export interface Way {
  readonly pid: number
  send(message: ToWorker): void
  onAnswer(take: (message: FromWorker) => void): void
  stop(): void
}

const PROGRAM = fileURLToPath(new URL('hop-program.ts', import.meta.url))

/** A socket pair with frames, as src/pool/process-port.ts and src/worker/main.ts have it. */
export function openSocketWay(answerBytes: number): Way {
  const child = spawn(process.execPath, [PROGRAM, 'socket', String(answerBytes)], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  })
  // stdio[3] was asked for as a pipe: it is a duplex socket.
  const wire = child.stdio[3] as unknown as Duplex
  const reader = new FrameReader<FromWorker>(2 ** 31)
  return {
    pid: pidOf(child),
    send: message => {
      wire.cork()
      for (const piece of encode(message)) wire.write(piece)
      wire.uncork()
    },
    onAnswer: take => {
      wire.on('data', (chunk: Buffer) => {
        for (const message of reader.push(chunk)) take(message)
      })
    },
    stop: () => void wire.destroy(),
  }
}

/** Messages of child_process.fork with structured clones, which carry bytes. */
export function openForkWay(answerBytes: number): Way {
  const child = fork(PROGRAM, ['fork', String(answerBytes)], { serialization: 'advanced' })
  return {
    pid: pidOf(child),
    send: message => void child.send(message),
    // The program on the other side is ours and sends nothing else.
    onAnswer: take => void child.on('message', message => take(message as FromWorker)),
    stop: () => child.disconnect(),
  }
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('The far side of the hop could not be started')
  return pid
}
