import { createHash } from 'node:crypto'
import type { Item } from '../worker/protocol.ts'

/** What a request's input was, so that it can be found again and is not in the log: its hash and its size. */
export function fingerprint({ parameters, tensors = [] }: Item): { sha256: string; bytes: number } {
  const parts = [...parameters.map(({ value }) => value), ...tensors.map(({ data }) => data)]
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return { sha256: hash.digest('hex'), bytes: parts.reduce((sum, { byteLength }) => sum + byteLength, 0) }
}
