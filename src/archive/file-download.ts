/** Opens what a file:// URL names. */
import { constants } from 'node:fs'
import { open, realpath } from 'node:fs/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { downloadFailure, type Download } from './download.ts'
import { isSystemError } from './refusal.ts'
import { matchesAny, notAllowed, type Remote } from './url-rules.ts'

// A pipe would keep `open` waiting for somebody who writes into it. The real path has no link at its end.
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0)

/**
 * A link is like a redirect: where it leads to has to be allowed as well. Throws ARCHIVE_URL where it is not, and
 * DOWNLOAD_FAILED where there is no regular file that can be read.
 */
export async function openFile(remote: Remote, patterns: readonly string[]): Promise<Download> {
  try {
    const path = await realpath(fileURLToPath(remote.url))
    if (!matchesAny(pathToFileURL(path), patterns)) {
      throw notAllowed(
        remote.given,
        'It leads over a link to a place that no pattern of the key allowed_urls matches.',
      )
    }
    return await openRegular(remote, path)
  } catch (error) {
    throw isSystemError(error) ? downloadFailure(remote, `The file cannot be opened (${error.code}).`) : error
  }
}

async function openRegular(remote: Remote, path: string): Promise<Download> {
  const handle = await open(path, FLAGS)
  const stats = await handle.stat()
  if (!stats.isFile()) {
    await handle.close()
    throw downloadFailure(remote, 'It is not a regular file.')
  }
  return {
    total: stats.size,
    chunks: handle.createReadStream({ autoClose: false }),
    close: () => handle.close(),
  }
}
