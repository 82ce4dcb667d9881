/** Where a command writes: standard output and error, or a test's collectors. */
export interface CommandIo {
  /** Writes text as it is, line ends included. */
  out(text: string): void
  err(text: string): void
}

/** One command of `sconce`. `run` gets the arguments after its name and gives the exit code. */
export interface Command {
  readonly name: string
  readonly summary: string
  readonly usage: string
  run(args: string[], io: CommandIo): Promise<number>
}
