interface Stoppable {
  stop(): unknown
}

/** Notes something that was started, and gives it back. */
export type Keep = <T extends Stoppable>(started: T) => T

/** Ends all that `use` has started and kept, the last first, whatever happens in it. */
export async function withRunning<T>(use: (keep: Keep) => Promise<T>): Promise<T> {
  const kept: Stoppable[] = []
  const keep: Keep = started => {
    kept.push(started)
    return started
  }
  try {
    return await use(keep)
  } finally {
    for (const one of kept.toReversed()) await one.stop()
  }
}
