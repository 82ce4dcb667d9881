/** TorchServe's pauses before a worker is started again, in seconds: WorkerThread.java, BACK_OFF. */
const PAUSES_S = [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597]

/** What is known of an outage: the time from a worker's first failure until it has loaded again. */
export interface Outage {
  /** Failures so far, this one included; at least 1. */
  readonly failures: number
  /** Whether the worker had loaded its model before the outage. */
  readonly hadLoaded: boolean
  /** Milliseconds since the first failure. */
  readonly sinceMs: number
  /** After this many milliseconds of outage the worker is given up. */
  readonly giveUpMs: number
}

/**
 * Milliseconds until the next start, or undefined: give up. A worker that had served is replaced at once and only
 * then slower; one that never loaded waits from the first failure on.
 */
export function backoff({ failures, hadLoaded, sinceMs, giveUpMs }: Outage): number | undefined {
  const index = Math.min(hadLoaded ? failures - 1 : failures, PAUSES_S.length - 1)
  const pauseMs = (PAUSES_S[index] ?? 0) * 1000
  return sinceMs + pauseMs > giveUpMs ? undefined : pauseMs
}
