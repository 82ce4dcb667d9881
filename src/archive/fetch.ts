/**
 * Fetches an archive from elsewhere into the model store. Off unless the key allowed_urls names where from: whoever may
 * have the server fetch anything may also have it run anything. docs/decisions/0020-remote-archives.md has the rules.
 */
import { Failure } from '../errors.ts'
import { downloadFailure, type Download } from './download.ts'
import { openFile } from './file-download.ts'
import type { Lookup, openHttp } from './http-download.ts'
import { PartialFile } from './partial-file.ts'
import { admitUrl, archiveName, type Remote } from './url-rules.ts'

export { sweepPartialDownloads } from './partial-file.ts'
export { isRemote, openPatterns } from './url-rules.ts'

const PROGRESS_MS = 1000

export interface FetchOptions {
  /** Regular expressions, one of which has to match all of the URL, whatever the case; empty allows none. */
  readonly allowedUrls: readonly string[]
  /** The folder that the archive is written to, under the name that the URL's path ends in. */
  readonly modelStore: string
  readonly maxBytes: number
  /** For everything together: names, redirects, and the last byte. */
  readonly timeoutMs: number
  /** Called at most once a second, with bytes. */
  readonly onProgress?: ((received: number, total: number | undefined) => void) | undefined
  /** Cancels; where its reason is a Failure, that is thrown. */
  readonly signal?: AbortSignal | undefined
  /** The addresses of a host name; the system's resolver where it is not given. */
  readonly lookup?: Lookup | undefined
}

export interface FetchedArchive {
  /** In the model store. */
  readonly path: string
  /** Removes the file, unless another one has its name by then. */
  remove(): Promise<void>
}

/**
 * Downloads (or, from file://, copies) an archive. Throws ARCHIVE_URL where it is not allowed, FILE_EXISTS where the
 * store has a file of that name, DOWNLOAD_FAILED, or SAVE_FAILED where the disk fails; then nothing is left behind.
 */
export async function fetchArchive(url: string, options: FetchOptions): Promise<FetchedArchive> {
  const remote = admitUrl(url, options.allowedUrls)
  const name = archiveName(remote)
  const deadline = AbortSignal.timeout(options.timeoutMs)
  const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal])
  const partial = await PartialFile.create({ dir: options.modelStore, name, url: remote.given })
  try {
    await copy(remote, partial, { options, signal })
    return await partial.publish()
  } catch (error) {
    throw downloadFailure(remote, signal.aborted ? interruption(error, deadline, options) : error)
  } finally {
    await partial.discard()
  }
}

interface Context {
  readonly options: FetchOptions
  readonly signal: AbortSignal
}

/** Loaded here and not above: Node.js's client for HTTP takes a while, and few servers need it. */
async function openOverHttp(...args: Parameters<typeof openHttp>): Promise<Download> {
  const { openHttp } = await import('./http-download.ts')
  return openHttp(...args)
}

async function copy(remote: Remote, partial: PartialFile, { options, signal }: Context): Promise<void> {
  const { allowedUrls: patterns, lookup, maxBytes } = options
  const isFile = remote.url.protocol === 'file:'
  const download = isFile
    ? await openFile(remote, patterns)
    : await openOverHttp(remote, { patterns, signal, lookup })
  try {
    const tooLarge = downloadFailure(remote, `It has more than ${maxBytes} bytes.`)
    if (download.total !== undefined && download.total > maxBytes) throw tooLarge
    const report = reporter(download, options)
    let received = 0
    for await (const chunk of download.chunks) {
      signal.throwIfAborted()
      received += chunk.length
      if (received > maxBytes) throw tooLarge
      report(received)
      await partial.write(chunk)
    }
    if (download.total !== undefined && received !== download.total) {
      throw downloadFailure(remote, `It ended after ${received} of ${download.total} bytes.`)
    }
  } finally {
    await download.close()
  }
}

function reporter({ total }: Download, { onProgress }: FetchOptions): (received: number) => void {
  let last = performance.now()
  return received => {
    const now = performance.now()
    if (now - last < PROGRESS_MS) return
    last = now
    onProgress?.(received, total)
  }
}

/** What to say about a download that was ended from here: it shows as an error of the connection or of the signal. */
function interruption(error: unknown, deadline: AbortSignal, options: FetchOptions): unknown {
  if (error instanceof Failure) return error
  if (options.signal?.aborted && options.signal.reason instanceof Failure) return options.signal.reason
  if (deadline.aborted) return `It took longer than ${options.timeoutMs / 1000} s.`
  return 'It was cancelled.'
}
