import { Connection, writeRequest } from './connection.ts'
import type { Request } from './load.ts'
import type { Tally } from './tally.ts'

export interface ClosedLoop {
  readonly request: Request
  readonly tally: Tally
  readonly connections: number
  readonly durationMs: number
}

/** A server that is not there must not be asked as fast as a loop can. */
const AFTER_LOSS_MS = 5

/** Each connection sends its next request once the one before has been answered. */
export async function runClosed({ request, tally, connections, durationMs }: ClosedLoop): Promise<void> {
  const bytes = writeRequest(request)
  const until = performance.now() + durationMs
  const runOne = (): Promise<void> =>
    new Promise(resolve => {
      const connection = new Connection(request, bytes)
      const send = (): void => {
        const sentAt = performance.now()
        tally.sent()
        connection.send((status, said) => {
          const now = performance.now()
          tally.answered(status, now - sentAt, said)
          if (now < until && !tally.isOver)
            return void (status === 0 ? setTimeout(send, AFTER_LOSS_MS) : send())
          connection.close()
          resolve()
        })
      }
      send()
    })
  await Promise.all(Array.from({ length: connections }, runOne))
}
