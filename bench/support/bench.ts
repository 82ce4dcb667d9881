/** What a benchmark is: one question, answered with ratios to a reference that was measured in the same minutes. */
export interface Bench {
  /** The question, as a sentence for a person. */
  readonly question: string
  /** The reference, and how it was measured. */
  readonly against: string
  run(options: BenchOptions): Promise<Report>
}

/** `quick` shows that it works and says nothing about speed; `medium` is for every day, `long` for the last digit. */
export type Length = 'quick' | 'medium' | 'long'

export interface BenchOptions {
  readonly length: Length
  /** Another server that speaks the same API, where the user named one. */
  readonly rival: Rival | undefined
  /** The p99 that is still good, in milliseconds; undefined: the benchmark's own. */
  readonly p99Ms: number | undefined
  /** How long a benchmark that goes by the clock takes; undefined: by its length. */
  readonly seconds: number | undefined
  /** Progress, a line at a time. */
  say(line: string): void
}

/** A server that was started by somebody else. */
export interface Rival {
  /** `http://host:port/predictions/{model}`, or another path with `{model}` in it. */
  readonly url: string
  /** Its process, where it is on this machine: its processor time is then measured too. */
  readonly pid: number | undefined
}

export interface Report {
  readonly tables: readonly Table[]
  readonly notes: readonly string[]
  /** Plain data, for `--json`. */
  readonly results: unknown
}

export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** One of three values by length. */
export function byLength<T>(
  { length }: Pick<BenchOptions, 'length'>,
  values: Readonly<Record<Length, T>>,
): T {
  return values[length]
}
