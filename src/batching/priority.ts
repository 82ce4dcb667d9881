/** Levels of priority, the first one is served first. */
export const PRIORITIES = ['high', 'normal', 'low'] as const

export type Priority = (typeof PRIORITIES)[number]

/** So many items in a row may be taken while others of a lower level wait; then it is their turn once. */
export const MAX_PASSES = 8

export interface LevelFacts {
  /** When the oldest item of each level came, in the order of the levels; Infinity where none waits. */
  readonly oldestAt: readonly number[]
  /** Items that were taken in a row while a lower level waited. */
  readonly passes: number
}

/**
 * The level from which the next item is taken: the highest, but after MAX_PASSES items the lower one whose oldest item
 * has waited longest. So a flood of high priority leaves a ninth of the workers to the others. -1: nothing waits.
 */
export function pickLevel({ oldestAt, passes }: LevelFacts): number {
  const first = oldestAt.findIndex(at => at !== Infinity)
  if (first < 0 || passes < MAX_PASSES) return first
  const lower = oldestAt.slice(first + 1)
  const oldest = Math.min(...lower)
  return oldest === Infinity ? first : first + 1 + lower.indexOf(oldest)
}
