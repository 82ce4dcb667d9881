/** The longest time a timer can wait. */
const MAX_TIMER_MS = 2 ** 31 - 1

/**
 * Calls `kill` for a worker after `ms` unless the timer is cleared; Infinity never does. `what` and the time complete the
 * sentence "The worker ...": `did not answer within` 120 s.
 */
export function killAfter(
  kill: (reason: string) => void,
  ms: number,
  what: string,
): NodeJS.Timeout | undefined {
  if (ms === Infinity) return undefined
  return setTimeout(() => kill(`${what} ${ms / 1000} s`), Math.min(ms, MAX_TIMER_MS))
}
