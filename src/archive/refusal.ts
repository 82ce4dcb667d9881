import { Failure, failure, failureWith } from '../errors.ts'
import { shown } from './entry-name.ts'

/** BAD_ARCHIVE for `archive` (its file name) and what is wrong with it: a part sentence that follows a colon. */
export function refusal(archive: string, what: string): Failure {
  return failure('BAD_ARCHIVE', shown(archive), what)
}

/** The same for one entry of the archive: "entry ../x climbs out ...". */
export function entryRefusal(archive: string, entry: string, what: string): Failure {
  return refusal(archive, `entry "${shown(entry)}" ${what}`)
}

/** Whatever reading or unpacking threw: refusals as they are, failures of the disk as SAVE_FAILED. */
export function asRefusal(archive: string, thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown
  if (isSystemError(thrown)) return failureWith({ cause: thrown }, 'SAVE_FAILED', shown(archive))
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return failureWith(
    { cause: thrown },
    'BAD_ARCHIVE',
    shown(archive),
    `it is damaged or truncated (${shown(message)})`,
  )
}

/** What the operating system said; zlib's errors also carry an errno, but no system call. */
export function isSystemError(thrown: unknown): thrown is NodeJS.ErrnoException {
  return thrown instanceof Error && 'syscall' in thrown && 'code' in thrown
}
