export interface Poisson {
  readonly perSecond: number
  /** The same seed gives the same moments. */
  readonly seed: number
}

/** The moments of a Poisson process in milliseconds, from 0 up to `durationMs`. */
export function* poissonMoments({ perSecond, seed }: Poisson, durationMs: number): Generator<number> {
  const random = mulberry32(seed)
  const gap = (): number => (-Math.log(1 - random()) * 1000) / perSecond
  for (let at = gap(); at < durationMs; at += gap()) yield at
}

/** Numbers in [0, 1): https://github.com/cprosche/mulberry32 */
function mulberry32(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * The times in microseconds, in ascending order, that requests at these moments would take with `servers` workers
 * that are never late and each need exactly `serviceMs`: what no server without faster workers can beat.
 */
export function idealTimesUs(moments: Iterable<number>, servers: number, serviceMs: number): Float64Array {
  const freeAt = Array.from({ length: servers }, () => 0)
  const times: number[] = []
  for (const moment of moments) {
    const first = freeAt.indexOf(Math.min(...freeAt))
    const end = Math.max(moment, freeAt[first] ?? 0) + serviceMs
    freeAt[first] = end
    times.push((end - moment) * 1000)
  }
  return Float64Array.from(times).toSorted()
}
