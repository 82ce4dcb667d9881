/** What a benchmark is: one question, answered with ratios to a reference that was measured in the same minutes. */
export interface Bench {
  /** The question, as a sentence for a person. */
  readonly question: string
  /** The reference, and how it was measured. */
  readonly against: string
  run(options: BenchOptions): Promise<Report>
}

export interface BenchOptions {
  /** One short round of a few cases: shows that it works, says nothing about speed. */
  readonly isQuick: boolean
  /** Progress, a line at a time. */
  say(line: string): void
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
