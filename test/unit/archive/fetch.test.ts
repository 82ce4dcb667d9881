import { readdir, readFile, rm, stat, symlink } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { fetchArchive } from '../../../src/archive/fetch.ts'
import { failure } from '../../../src/errors.ts'
import { fileIn } from '../../support/archive-fixtures.ts'
import { downloads, sends } from '../../support/downloads.ts'
import { thrown } from '../../support/thrown.ts'
import { waitFor } from '../../support/wait-for.ts'
import { webServers } from '../../support/web-server.ts'

const serve = webServers()
const setUp = downloads()

afterEach(() => void vi.useRealTimers())

test('an archive from an allowed URL lies in the store under its name, and can be removed again', async () => {
  const server = await serve(sends('archive'))
  const { store, options } = await setUp({ allowedUrls: [server.pattern] })
  const fetched = await fetchArchive(`${server.origin}/models/a.mar?token=1`, options)
  expect(fetched.path).toBe(join(store, 'a.mar'))
  expect(await readFile(fetched.path, 'utf8')).toBe('archive')
  expect(server.requests).toEqual([`GET /models/a.mar?token=1 127.0.0.1:${server.port}`])
  expect(await readdir(store)).toEqual(['a.mar'])
  await fetched.remove()
  await fetched.remove()
  expect(await readdir(store)).toEqual([])
})

test('an archive that somebody else has put in its place is not removed', async () => {
  const server = await serve(sends('archive'))
  const { store, options } = await setUp({ allowedUrls: [server.pattern] })
  const fetched = await fetchArchive(`${server.origin}/a.mar`, options)
  await rm(fetched.path)
  await fileIn(store, 'a.mar', 'another')
  await fetched.remove()
  expect(await readFile(join(store, 'a.mar'), 'utf8')).toBe('another')
})

test('a name that is taken, if only by a dangling link, is refused before anything is asked', async () => {
  const server = await serve(sends('archive'))
  const { store, options } = await setUp({ allowedUrls: [server.pattern] })
  await fileIn(store, 'a.mar', 'mine')
  await symlink('nowhere', join(store, 'b.mar'))
  expect((await thrown(() => fetchArchive(`${server.origin}/b.mar`, options))).code).toBe('FILE_EXISTS')
  expect(await thrown(() => fetchArchive(`${server.origin}/a.mar`, options))).toMatchObject({
    message: 'Model file already exists a.mar',
    http: 500,
    type: 'InternalServerException',
  })
  expect(await readFile(join(store, 'a.mar'), 'utf8')).toBe('mine')
  expect(server.requests).toEqual([])
})

test('of two downloads of one name at once, one wins and the other is told', async () => {
  const waiting: (() => void)[] = []
  const server = await serve((request, response) => {
    waiting.push(() => response.end(request.url))
    if (waiting.length === 2) for (const answer of waiting) answer()
  })
  const { store, options } = await setUp({ allowedUrls: [server.pattern] })
  const results = await Promise.allSettled(
    ['1', '2'].map(query => fetchArchive(`${server.origin}/a.mar?${query}`, options)),
  )
  const lost = results.filter(result => result.status === 'rejected')
  expect(lost.map(({ reason }) => String(reason))).toEqual(['Failure: Model file already exists a.mar'])
  const winner = results.findIndex(({ status }) => status === 'fulfilled')
  expect(await readFile(join(store, 'a.mar'), 'utf8')).toBe(`/a.mar?${winner + 1}`)
  expect(await readdir(store)).toEqual(['a.mar'])
})

test('a download can be cancelled, with a reason of the caller', async () => {
  const cancel = new AbortController()
  const server = await serve((_request, response) => {
    response.write('x', () => cancel.abort(failure('SHUTTING_DOWN')))
  })
  const { store, options } = await setUp({ allowedUrls: [server.pattern], signal: cancel.signal })
  const failed = await thrown(() => fetchArchive(`${server.origin}/a.mar`, options))
  expect(failed.code).toBe('SHUTTING_DOWN')
  const again = await thrown(() => fetchArchive(`${server.origin}/a.mar`, options))
  expect(again.code).toBe('SHUTTING_DOWN')
  const plain = await thrown(() =>
    fetchArchive(`${server.origin}/a.mar`, { ...options, signal: AbortSignal.abort() }),
  )
  expect(plain).toMatchObject({ code: 'DOWNLOAD_FAILED', reason: 'It was cancelled.' })
  expect(await readdir(store)).toEqual([])
})

test('progress is told at most once a second', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const { store, options } = await setUp()
  const server = await serve((_request, response) => void dripWithClock(response, store))
  const told: (readonly [number, number | undefined])[] = []
  const onProgress = (received: number, total: number | undefined) => told.push([received, total])
  await fetchArchive(`${server.origin}/a.mar`, { ...options, onProgress })
  expect(told).toEqual([
    [3, 6],
    [5, 6],
  ])
})

/** Six bytes, before five of which the clock is put forward; each follows when the one before it is in the store. */
async function dripWithClock(response: ServerResponse, store: string): Promise<void> {
  response.writeHead(200, { 'content-length': 6 })
  for (const [index, ms] of [0, 999, 1, 999, 5000].entries()) {
    vi.advanceTimersByTime(ms)
    response.write('x')
    await waitFor('the byte in the store', async () => {
      const [file] = await readdir(store)
      return file !== undefined && (await stat(join(store, file))).size === index + 1
    })
  }
  response.end('x')
}
