import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fetchArchive } from '../../../src/archive/fetch.ts'
import { downloads, redirectsTo, sends } from '../../support/downloads.ts'
import { thrown } from '../../support/thrown.ts'
import { webServers } from '../../support/web-server.ts'

const serve = webServers()
const setUp = downloads()

const noLength: RequestListener = (_request, response) => {
  response.write('x'.repeat(600))
  response.end('x'.repeat(600))
}

const endless: RequestListener = (_request, response) => {
  const more = () => {
    while (response.writable && response.write('x'.repeat(100)));
  }
  response.on('drain', more)
  more()
}

const cutOff: RequestListener = (_request, response) => {
  response.writeHead(200, { 'content-length': 500 })
  response.write('x'.repeat(100), () => response.destroy())
}

const cutOffInChunks: RequestListener = (_request, response) => {
  response.write('x'.repeat(100), () => response.destroy())
}

test.each<[string, RequestListener, string]>([
  [
    'that is not there',
    (_, response) => response.writeHead(404).end('no'),
    'The server answered with status 404.',
  ],
  [
    'of which only a part comes',
    (_, response) => response.writeHead(206).end('x'),
    'answered with status 206.',
  ],
  ['that is said to be too large', sends('x'.repeat(1001)), 'It has more than 1000 bytes.'],
  ['that turns out too large', noLength, 'It has more than 1000 bytes.'],
  ['without an end', endless, 'It has more than 1000 bytes.'],
  ['that is cut off', cutOff, 'The connection failed (ECONNRESET).'],
  ['in chunks that is cut off', cutOffInChunks, 'The connection failed (ECONNRESET).'],
  [
    'behind a redirect to nowhere',
    (_, response) => response.writeHead(302).end(),
    'without saying where to.',
  ],
  ['behind a circle', redirectsTo('/a.mar'), 'The server redirects more than 5 times.'],
  [
    'behind too long headers',
    (_, response) => response.setHeader('x', 'x'.repeat(20_000)).end(),
    'not valid HTTP',
  ],
])('an archive %s is told as such, and nothing is left', async (_what, answer, reason) => {
  const server = await serve(answer)
  const { store, options } = await setUp({ allowedUrls: [server.pattern] })
  expect(await thrown(() => fetchArchive(`${server.origin}/a.mar`, options))).toMatchObject({
    message: `Failed to download archive from: ${server.origin}/a.mar`,
    type: 'DownloadArchiveException',
    http: 400,
    reason: expect.stringContaining(reason),
  })
  expect(await readdir(store)).toEqual([])
})

test.each([
  [
    'ends too early',
    'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort',
    'The connection failed (ECONNRESET).',
  ],
  ['speaks another protocol', 'SSH-2.0-OpenSSH_9.6\r\n', "The server's answer is not valid HTTP"],
  ['says nothing', '', 'The connection failed (ECONNRESET).'],
  [
    'switches protocols',
    'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
    'did not answer as a web server does',
  ],
])('a server that %s is told as such', async (_what, text, reason) => {
  const server = createServer(socket => socket.on('error', () => {}).end(text))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const { store, options } = await setUp()
  const failed = await thrown(() => fetchArchive(`http://127.0.0.1:${port}/a.mar`, options))
  expect(failed).toMatchObject({ code: 'DOWNLOAD_FAILED', reason: expect.stringContaining(reason) })
  expect(await readdir(store)).toEqual([])
  server.close()
})

test('a server that is not there, and a name that nobody knows, are told apart', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  const { options } = await setUp({ allowedUrls: ['http://127.0.0.1:\\d+/.*', 'http://no.invalid/.*'] })
  const refused = await thrown(() => fetchArchive(`http://127.0.0.1:${port}/a.mar`, options))
  expect(refused.reason).toBe('The connection failed (ECONNREFUSED).')
  const unknown = await thrown(() => fetchArchive('http://no.invalid/a.mar', options))
  expect(unknown.reason).toMatch(/^The name of the host cannot be resolved \(E\w+\)\.$/)
})

test('a name without an address is refused', async () => {
  const { options } = await setUp({ allowedUrls: ['http://models.example/.*'], lookup: async () => [] })
  const failed = await thrown(() => fetchArchive('http://models.example/a.mar', options))
  expect(failed.code).toBe('DOWNLOAD_FAILED')
})

const never = () => new Promise<never>(() => {})

test('a drip that would take too long is ended, and so is a resolver that is silent', async () => {
  const server = await serve((_request, response) => {
    const timer = setInterval(() => response.write('x'), 10)
    response.on('close', () => clearInterval(timer))
  })
  const { store, options } = await setUp({ allowedUrls: [server.pattern, 'http://a/.*'], timeoutMs: 200 })
  const slow = await thrown(() => fetchArchive(`${server.origin}/a.mar`, options))
  expect(slow).toMatchObject({ code: 'DOWNLOAD_FAILED', reason: 'It took longer than 0.2 s.' })
  const silent = await thrown(() => fetchArchive('http://a/a.mar', { ...options, lookup: never }))
  expect(silent.reason).toBe('It took longer than 0.2 s.')
  expect(await readdir(store)).toEqual([])
})

test('a store that is gone is told without its path', async () => {
  const server = await serve(sends('archive'))
  const { store, options } = await setUp({ allowedUrls: [server.pattern] })
  const failed = await thrown(() =>
    fetchArchive(`${server.origin}/a.mar`, { ...options, modelStore: join(store, 'nowhere') }),
  )
  expect(failed).toMatchObject({
    message: `Failed to save model: ${server.origin}/a.mar`,
    http: 500,
    reason: 'The model store cannot be written to.',
  })
  expect(`${failed.message}${failed.reason}`).not.toContain(store)
})
