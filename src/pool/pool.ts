import type { GraphInfo } from '../worker/protocol.ts'
import { Slot, type SlotOptions, type SlotState } from './slot.ts'

export type PoolOptions = Omit<SlotOptions, 'id'> & {
  /** Hands out worker ids, unique in the server. */
  nextId(): string
}

/** One worker as the management API shows it. */
export interface WorkerInfo {
  readonly id: string
  readonly startedAt: Date
  readonly state: SlotState
  readonly reason: string
  readonly pid: number | undefined
  readonly memoryBytes: number | undefined
}

/** The workers of one model version: how many there are, and how they are. */
export class Pool {
  readonly #options: PoolOptions
  #slots: Slot[] = []
  #graph: GraphInfo | undefined

  constructor(options: PoolOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#slots.length
  }

  /** Whether a job that is queued now will be pulled: by a worker that is there or comes back. */
  get canServe(): boolean {
    return this.#slots.some(({ state }) => state === 'starting' || state === 'ready' || state === 'waiting')
  }

  get readyCount(): number {
    return this.#slots.filter(({ state }) => state === 'ready').length
  }

  /** The graph's inputs and outputs, once a worker has loaded it. */
  get graph(): GraphInfo | undefined {
    return this.#graph
  }

  /** The state of each worker with its reason, for people and for the management API. */
  workers(): WorkerInfo[] {
    return this.#slots.map(slot => ({
      id: slot.id,
      startedAt: slot.startedAt,
      state: slot.state,
      reason: slot.reason,
      pid: slot.pid,
      memoryBytes: slot.memoryBytes(),
    }))
  }

  /**
   * Adds or drains workers until there are `count`; those that were given up are replaced, those that serve stay
   * before others. Returns at once; see `ready` and `drained`.
   */
  scale(count: number): { ready: Promise<void>; drained: Promise<void> } {
    const leaving = this.#split(slot => slot.state !== 'failed')
    const started: Slot[] = []
    while (this.#slots.length < count) {
      const slot = new Slot({ ...this.#options, id: this.#options.nextId() })
      void slot.firstLoad.then(
        loaded => (this.#graph = loaded.graph),
        () => {},
      )
      this.#slots.push(slot)
      started.push(slot)
    }
    const serving = this.#slots.toSorted((a, b) => Number(b.state === 'ready') - Number(a.state === 'ready'))
    const staying = new Set(serving.slice(0, count))
    leaving.push(...this.#split(slot => staying.has(slot)))
    return {
      ready: Promise.all(started.map(slot => slot.firstLoad)).then(() => {}),
      drained: Promise.all(leaving.map(slot => slot.stop())).then(() => {}),
    }
  }

  /** Keeps some slots and gives the others. */
  #split(stays: (slot: Slot) => boolean): Slot[] {
    const leaving = this.#slots.filter(slot => !stays(slot))
    this.#slots = this.#slots.filter(stays)
    return leaving
  }
}
