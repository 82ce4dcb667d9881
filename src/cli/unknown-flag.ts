import { didYouMean } from '../nearest.ts'

/** What `parseArgs` of node:util says of the arguments, with the flag that was probably meant. */
export function explainArguments(error: unknown, flags: Iterable<string>): string {
  const message = error instanceof Error ? error.message : String(error)
  const [, dashes = '', name] = /^Unknown option '(--?)([^']+)'/.exec(message) ?? []
  if (name === undefined) return message
  const near = didYouMean(
    dashes + name,
    Array.from(flags, flag => `--${flag}`),
  )
  return `There is no flag ${dashes}${name}${near}`
}
