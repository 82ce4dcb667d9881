/** A ratio (or difference) over several rounds. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** NaN for an empty list. */
export function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  )
}

/** Of values in ascending order; `share` in [0, 1]. Between two values it interpolates. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const at = (sorted.length - 1) * share
  const below = sorted[Math.floor(at)] ?? Number.NaN
  const above = sorted[Math.ceil(at)] ?? Number.NaN
  return below + (above - below) * (at - Math.floor(at))
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) }
}

/** `0.91 (0.88..0.95)`. */
export function showSpread({ median: middle, min, max }: Spread, digits = 2): string {
  if (Number.isNaN(middle)) return '-'
  return `${middle.toFixed(digits)} (${min.toFixed(digits)}..${max.toFixed(digits)})`
}

/** `12,345`; `-` for what could not be measured. */
export function showNumber(value: number, digits = 0): string {
  if (Number.isNaN(value)) return '-'
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
