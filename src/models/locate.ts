import { fetchArchive, isRemote } from '../archive/fetch.ts'
import { findInStore } from '../archive/store.ts'

export interface LocateOptions {
  readonly modelStore: string
  /** Regular expressions, one of which a remote URL has to match as a whole; empty allows none. */
  readonly allowedUrls: readonly string[]
  readonly maxBytes: number
  readonly timeoutMs: number
  /** Ends a download; where its reason is a Failure, that is thrown. */
  readonly signal: AbortSignal
  onProgress(url: string, received: number, total: number | undefined): void
}

export interface Located {
  readonly path: string
  /** Removes the file where it was downloaded for this registration; undefined where it was in the store before. */
  readonly remove: (() => Promise<void>) | undefined
}

/** The archive's file: in the model store by its name, or downloaded into it. */
export async function locateArchive(url: string, options: LocateOptions): Promise<Located> {
  if (!isRemote(url)) return { path: await findInStore(options.modelStore, url), remove: undefined }
  const { modelStore, allowedUrls, maxBytes, timeoutMs, signal } = options
  const onProgress = (received: number, total: number | undefined) => options.onProgress(url, received, total)
  return fetchArchive(url, { modelStore, allowedUrls, maxBytes, timeoutMs, signal, onProgress })
}
