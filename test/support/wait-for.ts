import { setTimeout as pause } from 'node:timers/promises'

const POLL_MS = 10
// Bound here, so that it goes on where a test has stopped the clock.
const now = performance.now.bind(performance)

/**
 * Asks again and again until `condition` gives something other than undefined, null or false, and returns that. After
 * `limitMs` it throws with `what`, which completes the sentence "Waited in vain for ...".
 */
export async function waitFor<T>(
  what: string,
  condition: () => T | undefined | null | false | Promise<T | undefined | null | false>,
  limitMs = 20_000,
): Promise<T> {
  const end = now() + limitMs
  while (now() < end) {
    const found = await condition()
    if (found !== undefined && found !== null && found !== false) return found
    await pause(POLL_MS)
  }
  throw new Error(`Waited in vain for ${what}`)
}
