/** Who takes batches: a worker's side of the queue. It may pull again while it still has a batch. */
export interface Taker {
  /** Batches that it has taken and not counted out; the queue counts them in. */
  held: number
  /** Items of the batch that it took last. */
  lastSize?: number
  /** What it has came back from a worker that died, and must have no other beside it. */
  isAlone?: boolean
  /**
   * From how many items on a busy one wants a further batch, where one may have up to `batchSize`; Infinity: not at all,
   * as one that does not say.
   */
  wantsFrom?(batchSize: number): number
}

interface Puller {
  readonly taker: Taker
  wake(): void
}

/** Those that wait for work, and how many serve at all. */
export class Takers {
  /** Workers that pull. */
  serving = 0
  #pullers: Puller[] = []

  /** Whether one waits that has nothing to do. */
  get hasIdle(): boolean {
    return this.#pullers.some(({ taker }) => taker.held === 0)
  }

  /** Wakes one that has nothing to do, else one that is busy and worth it. */
  wake(isWorth: (taker: Taker) => boolean): void {
    const idle = this.#pullers.findIndex(({ taker }) => taker.held === 0)
    const index = idle >= 0 ? idle : this.#pullers.findIndex(({ taker }) => isWorth(taker))
    if (index >= 0) this.#pullers.splice(index, 1)[0]?.wake()
  }

  /** Resolves when it is woken, the time is over, or `stop` was aborted. */
  woken(taker: Taker, waitMs: number, stop: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const wake = () => {
        clearTimeout(timer)
        stop.removeEventListener('abort', abandon)
        resolve()
      }
      const puller = { taker, wake }
      const abandon = () => {
        this.#pullers = this.#pullers.filter(other => other !== puller)
        wake()
      }
      const timer = Number.isFinite(waitMs) ? setTimeout(abandon, waitMs) : undefined
      stop.addEventListener('abort', abandon)
      // A puller that waits for company keeps its place before those that wait for anything at all.
      if (timer === undefined) this.#pullers.push(puller)
      else this.#pullers.unshift(puller)
    })
  }
}
