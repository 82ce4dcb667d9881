/** What follows from measured times: how large a batch pays, and how the cores are shared out. Pure. */

/** What one run took, in milliseconds, by the rows it had. */
export interface RunTime {
  readonly size: number
  readonly ms: number
}

/** Less than this share of the time per row is noise, not a gain. */
const LEAST_GAIN = 0.05

/**
 * The size up to which batching pays: the smallest one whose time per row is within 5 % of the best. 1 where nothing
 * was measured.
 */
export function choosePayingSize(times: readonly RunTime[]): number {
  const best = Math.min(...times.map(perRow))
  const paying = times.filter(time => perRow(time) * (1 - LEAST_GAIN) <= best)
  return Math.min(...paying.map(({ size }) => size), times.length === 0 ? 1 : Infinity)
}

/** Whether a further, larger size may still pay: not after two sizes in a row that brought less than 5 %. */
export function mayPay(times: readonly RunTime[]): boolean {
  const recent = times.slice(-2)
  if (times.length < 3) return true
  const before = Math.min(...times.slice(0, -2).map(perRow))
  return recent.some(time => perRow(time) <= before * (1 - LEAST_GAIN))
}

const perRow = ({ size, ms }: RunTime) => ms / size

export interface ThreadTimes {
  /** The threads that the second time was measured with. */
  readonly threads: number
  readonly oneThreadMs: number
  readonly allThreadsMs: number
  /** Whether the number of workers is to be found too; else it was given, and these threads are the one worker's. */
  readonly areWorkersFree: boolean
}

export interface Shares {
  readonly threads: number
  /** undefined: as was given. */
  readonly workers: number | undefined
}

/** Milliseconds of one row. Below it one worker keeps up with the server's own thread, and a second one only takes its core. */
export const TINY_MS = 2
/** How much of its threads a net has to use for one worker with all of them: two workers with one each use 1.0. */
const SCALES = 0.85
/** What threads that lie idle otherwise have to bring. */
const WORTH_THREADS = 1.2
/** More workers than this for one model cost more memory than they bring; a user may still ask for more. */
const MOST_WORKERS = 4

/**
 * A tiny model gets one worker with one thread; a net that uses all the threads one worker with all of them, which halves
 * its latency; any other one several workers that share the threads out.
 */
export function shareThreads({ threads, oneThreadMs, allThreadsMs, areWorkersFree }: ThreadTimes): Shares {
  const gain = oneThreadMs / allThreadsMs
  const isTiny = oneThreadMs < TINY_MS
  if (!areWorkersFree) return { threads: !isTiny && gain >= WORTH_THREADS ? threads : 1, workers: undefined }
  if (isTiny) return { threads: 1, workers: 1 }
  if (gain >= SCALES * threads) return { threads, workers: 1 }
  const workers = Math.min(threads, MOST_WORKERS)
  return { threads: Math.floor(threads / workers), workers }
}
