/** Longer names cannot be a slip of the finger; the bound also keeps hostile input cheap. */
const LONGEST_NAME = 64

/** Edits (insert, delete, replace, swap of neighbours) that turn `from` into `to`. */
function distance(from: string, to: string): number {
  let older: number[] = []
  let previous = Array.from({ length: to.length + 1 }, (_, j) => j)
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const replace = previous[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
      const swap = swapped ? older[j - 2]! + 1 : Infinity
      row.push(Math.min(replace, previous[j]! + 1, row[j - 1]! + 1, swap))
    }
    older = previous
    previous = row
  }
  return previous[to.length]!
}

/** The known name that `name` was probably meant to be, or undefined when none is within a third of its letters. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  if (name.length > LONGEST_NAME) return undefined
  let best: string | undefined
  let least = Math.max(1, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    const edits = distance(name.toLowerCase(), candidate.toLowerCase())
    if (edits < least) [best, least] = [candidate, edits]
  }
  return best
}

/** `; did you mean X?`, or nothing when no known name is near. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const near = nearestName(name, known)
  return near === undefined ? '' : `; did you mean ${near}?`
}
