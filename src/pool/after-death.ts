/** A worker's death under a batch. */
export interface Death {
  /** Items of the batch. */
  readonly size: number
  /** How often a worker has died under one of them, this time included; the most there is. */
  readonly deaths: number
  /** By a SIGKILL from outside, which says little about what the worker ran. */
  readonly isKilled: boolean
}

/** What becomes of the items: they fail, run again as they are, or in two halves, each by itself. */
export type AfterDeath = 'fail' | 'again' | 'halve'

/** An item fails when it was alone under its last death, and had died with a worker before. */
const MAX_DEATHS = 2
/** One may be killed from outside again and again; but the kernel kills for want of memory by the same signal. */
const MAX_KILLS = 6

/**
 * A prediction can be repeated, so what a dead worker had runs again. By halves the item that kills is found: of n items
 * the innocent ones die with it at most log2(n) + 1 times. One that was alone may have met an accident, and gets a
 * second try.
 */
export function afterDeath({ size, deaths, isKilled }: Death): AfterDeath {
  if (size > 1) return 'halve'
  return deaths < (isKilled ? MAX_KILLS : MAX_DEATHS) ? 'again' : 'fail'
}
