/** What needs a process of its own: its environment, its limits. */
import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { freshFolders } from '../../support/archive-fixtures.ts'
import { certificateFile, webServers, type WebServer } from '../../support/web-server.ts'

const fresh = freshFolders()
const serve = webServers()

const moduleUrl = pathToFileURL(join(import.meta.dirname, '../../../src/archive/fetch.ts')).href

const program = `
const { fetchArchive } = await import(${JSON.stringify(moduleUrl)})
const [url, pattern, modelStore] = process.argv.slice(1)
const options = { allowedUrls: [pattern], modelStore, maxBytes: 1e9, timeoutMs: 30_000 }
const told = await fetchArchive(url, options).then(() => 'fetched', ({ code, reason }) => code + ': ' + reason)
console.log(told)
`

interface Surroundings {
  readonly server: WebServer
  readonly store: string
  readonly env?: Record<string, string>
  /** Shell commands before it. */
  readonly before?: string
}

/** What became of the download of a.mar in a process of its own. */
async function fetchIn({ server, store, env = {}, before = ':' }: Surroundings): Promise<string> {
  const script = `${before}; exec "$0" --no-warnings --input-type=module -e "$PROGRAM" -- "$@"`
  const args = [process.execPath, `${server.origin}/a.mar`, server.pattern, store]
  const { stdout } = await promisify(execFile)('bash', ['-c', script, ...args], {
    env: { PATH: process.env.PATH, PROGRAM: program, ...env },
  })
  return stdout.trim()
}

test('certificates are checked, whatever the environment says', async () => {
  const server = await serve((_request, response) => response.end('archive'), 'https')
  const store = await fresh()
  const env = { NODE_TLS_REJECT_UNAUTHORIZED: '0' }
  expect(await fetchIn({ server, store, env })).toBe(
    'DOWNLOAD_FAILED: The connection failed (DEPTH_ZERO_SELF_SIGNED_CERT).',
  )
  expect(server.requests).toEqual([])
  expect(await fetchIn({ server, store, env: { NODE_EXTRA_CA_CERTS: certificateFile } })).toBe('fetched')
})

test('proxies of the environment are not used', async () => {
  const server = await serve((_request, response) => response.end('archive'))
  const proxy = await serve((_request, response) => response.end('something else'))
  const env = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy.origin, http_proxy: proxy.origin }
  const store = await fresh()
  expect(await fetchIn({ server, store, env })).toBe('fetched')
  expect(server.requests).toHaveLength(1)
  expect(proxy.requests).toEqual([])
})

test('where the disk takes no more, the answer says so, and nothing is left', async () => {
  const server = await serve((_request, response) => response.end('x'.repeat(1_000_000)))
  const store = await fresh()
  expect(await fetchIn({ server, store, before: 'ulimit -f 64' })).toBe(
    'SAVE_FAILED: The model store cannot be written to.',
  )
  expect(await readdir(store)).toEqual([])
})
