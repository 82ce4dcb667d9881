/** What all kinds of downloads have in common. */
import { Failure, failureWith } from '../errors.ts'
import { isSystemError } from './refusal.ts'
import type { Remote } from './url-rules.ts'

/** Bytes to come, of which `total` were promised, if anything was. */
export interface Download {
  readonly total: number | undefined
  readonly chunks: AsyncIterable<Buffer>
  close(): Promise<void>
}

/** DOWNLOAD_FAILED for a sentence, or for what was thrown on the way; Failures stay what they are. */
export function downloadFailure(remote: Remote, why: unknown): Failure {
  if (why instanceof Failure) return why
  if (typeof why === 'string') return failureWith({ reason: why }, 'DOWNLOAD_FAILED', remote.given)
  return failureWith({ reason: describe(why), cause: why }, 'DOWNLOAD_FAILED', remote.given)
}

/** Codes only: messages name addresses and paths. */
function describe(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
  if (code === undefined) return 'The server did not answer as a web server does.'
  if (isSystemError(error) && error.syscall?.startsWith('getaddrinfo')) {
    return `The name of the host cannot be resolved (${code}).`
  }
  if (code.startsWith('HPE_')) return `The server's answer is not valid HTTP (${code}).`
  return `The connection failed (${code}).`
}
