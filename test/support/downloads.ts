import type { RequestListener } from 'node:http'
import type { FetchOptions } from '../../src/archive/fetch.ts'
import { freshFolders } from './archive-fixtures.ts'

/** An empty model store and options to fetch into it, from anywhere on 127.0.0.1. Called once per file, outside the tests. */
export function downloads(): (
  options?: Partial<FetchOptions>,
) => Promise<{ store: string; options: FetchOptions }> {
  const fresh = freshFolders()
  return async options => {
    const store = await fresh()
    const allowedUrls = ['http://127.0.0.1:\\d+/.*']
    return {
      store,
      options: { allowedUrls, modelStore: store, maxBytes: 1000, timeoutMs: 30_000, ...options },
    }
  }
}

export const sends =
  (body: string): RequestListener =>
  (_request, response) =>
    void response.end(body)

export const redirectsTo =
  (location: string): RequestListener =>
  (_request, response) =>
    void response.writeHead(302, { location }).end('not the archive')
