import { setImmediate } from 'node:timers/promises'
import { Connection, writeRequest } from './connection.ts'
import type { Request } from './load.ts'
import { Pacer } from './pacer.ts'
import { poissonMoments } from './poisson.ts'
import type { Tally } from './tally.ts'

export interface OpenLoop {
  readonly request: Request
  readonly tally: Tally
  readonly perSecond: number
  readonly seed: number
  readonly durationMs: number
}

/** With so many in flight further requests wait for a connection, and that is part of their time. */
const MOST_CONNECTIONS = 4000
/** What has not been answered so long after the last request counts as lost. */
const PATIENCE_MS = 10_000
/** Requests that are sent in one go where the generator is behind its time. */
const BURST = 32

/**
 * Requests at the moments of a Poisson process, whether the ones before have been answered or not. Times run from the
 * intended moment, so that a server that stalls cannot make its own stall invisible.
 */
export async function runOpen(loop: OpenLoop): Promise<void> {
  const { tally, durationMs } = loop
  const pacer = new Pacer()
  const flight = new Flight(loop)
  await pacer.ready()
  const start = performance.now()
  try {
    let sinceWait = 0
    for (const moment of poissonMoments(loop, durationMs)) {
      const intendedAt = start + moment
      const isEarly = intendedAt > performance.now()
      // Behind its time it still has to let answers in.
      if (isEarly) await pacer.until(intendedAt)
      else if (sinceWait > BURST) await setImmediate()
      sinceWait = isEarly || sinceWait > BURST ? 0 : sinceWait + 1
      if (tally.isOver) break
      flight.start(intendedAt)
    }
    await flight.landed(PATIENCE_MS)
  } finally {
    flight.close()
    await pacer.stop()
  }
}

/** The requests that have been sent and not answered, and the connections they go over. */
class Flight {
  readonly #loop: OpenLoop
  readonly #bytes: Buffer
  readonly #idle: Connection[] = []
  readonly #all: Connection[] = []
  readonly #waiting: number[] = []
  #inFlight = 0
  #onLanded: (() => void) | undefined

  constructor(loop: OpenLoop) {
    this.#loop = loop
    this.#bytes = writeRequest(loop.request)
  }

  start(intendedAt: number): void {
    this.#loop.tally.sent(performance.now() - intendedAt)
    this.#inFlight++
    const connection = this.#idle.pop() ?? this.#grow()
    if (connection === undefined) this.#waiting.push(intendedAt)
    else this.#send(connection, intendedAt)
  }

  /** Returns when all have been answered; after `patienceMs` the rest is lost. */
  async landed(patienceMs: number): Promise<void> {
    if (this.#inFlight > 0) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, patienceMs)
        this.#onLanded = () => (clearTimeout(timer), resolve())
      })
    }
    for (; this.#inFlight > 0; this.#inFlight--) {
      this.#loop.tally.answered(0, patienceMs, `not answered ${patienceMs} ms after the last request`)
    }
  }

  close(): void {
    for (const connection of this.#all) connection.close()
  }

  #grow(): Connection | undefined {
    if (this.#all.length >= MOST_CONNECTIONS) return undefined
    const connection = new Connection(this.#loop.request, this.#bytes)
    this.#all.push(connection)
    return connection
  }

  #send(connection: Connection, intendedAt: number): void {
    connection.send((status, said) => {
      this.#loop.tally.answered(status, performance.now() - intendedAt, said)
      this.#inFlight--
      const next = this.#waiting.shift()
      if (next === undefined) this.#idle.push(connection)
      else this.#send(connection, next)
      if (this.#inFlight === 0) this.#onLanded?.()
    })
  }
}
