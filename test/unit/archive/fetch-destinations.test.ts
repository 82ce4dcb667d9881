import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fetchArchive } from '../../../src/archive/fetch.ts'
import { downloads, redirectsTo, sends } from '../../support/downloads.ts'
import { thrown } from '../../support/thrown.ts'
import { webServers } from '../../support/web-server.ts'

const serve = webServers()
const setUp = downloads()

test('without patterns, and with one for another place, nothing is asked', async () => {
  const server = await serve(sends('archive'))
  for (const allowedUrls of [[], ['https://models\\.example/.*']]) {
    const { options } = await setUp({ allowedUrls })
    expect(await thrown(() => fetchArchive(`${server.origin}/a.mar`, options))).toMatchObject({
      message: `Given URL ${server.origin}/a.mar does not match any allowed URL(s)`,
      http: 404,
    })
  }
  expect(server.requests).toEqual([])
})

test('a redirect to an allowed place is followed, and the name is that of the URL asked for', async () => {
  const target = await serve(sends('archive'))
  const server = await serve(redirectsTo(`${target.origin}/blob/4711?signature=x`))
  const { store, options } = await setUp({ allowedUrls: [server.pattern, target.pattern] })
  await fetchArchive(`${server.origin}/a.mar`, options)
  expect(await readFile(join(store, 'a.mar'), 'utf8')).toBe('archive')
})

test.each([
  [
    'another server',
    'http://evil.example/a.mar',
    'It redirects to a URL at http://evil.example that no pattern',
  ],
  ['a file', 'file:///etc/a.mar', 'It redirects to something that is no http or https URL'],
])('a redirect to %s that is not allowed is refused', async (_what, location, reason) => {
  const server = await serve(redirectsTo(location))
  const { store, options } = await setUp({ allowedUrls: [server.pattern, 'file://.*'] })
  expect(await thrown(() => fetchArchive(`${server.origin}/a.mar`, options))).toMatchObject({
    message: `Given URL ${server.origin}/a.mar does not match any allowed URL(s)`,
    reason: expect.stringContaining(reason),
  })
  expect(await readdir(store)).toEqual([])
})

test.each([
  ['http://169.254.169.254/latest/a.mar', 'metadata'],
  ['http://[::1]:1/a.mar', 'loopback'],
  ['http://[::ffff:127.0.0.1]:1/a.mar', 'loopback'],
  ['http://10.0.0.1/a.mar', 'private'],
  ['http://0:1/a.mar', 'unspecified'],
])('a redirect to %s is refused although a wide pattern matches', async (location, kind) => {
  const server = await serve(redirectsTo(location))
  const { options } = await setUp({ allowedUrls: [server.pattern, 'https?://.*'] })
  expect(await thrown(() => fetchArchive(`${server.origin}/a.mar`, options))).toMatchObject({
    code: 'ARCHIVE_URL',
    reason: expect.stringContaining(`an address of the kind "${kind}" (after a redirect)`),
  })
})

test('a wide pattern does not open the own machine, however its address is written', async () => {
  const server = await serve(sends('archive'))
  const { options } = await setUp({ allowedUrls: ['http(s)?://.*'] })
  for (const host of [
    '127.0.0.1',
    '2130706433',
    '0x7f000001',
    '0177.1',
    '[::ffff:7f00:1]',
    'localhost',
    '0',
  ]) {
    const failed = await thrown(() => fetchArchive(`http://${host}:${server.port}/a.mar`, options))
    expect(failed).toMatchObject({ code: 'ARCHIVE_URL', http: 404 })
  }
  expect(server.requests).toEqual([])
})

test('a name is resolved once, and the connection goes to the address it then had', async () => {
  const server = await serve(sends('archive'))
  const answers = [[{ address: '127.0.0.1', family: 4 }], [{ address: '127.0.0.2', family: 4 }]]
  const asked: string[] = []
  const { options } = await setUp({
    allowedUrls: ['http://models\\.example:\\d+/.*'],
    lookup: async hostname => {
      asked.push(hostname)
      return answers.shift() ?? []
    },
  })
  await fetchArchive(`http://models.example:${server.port}/a.mar`, options)
  expect(asked).toEqual(['models.example'])
  expect(server.requests).toEqual([`GET /a.mar models.example:${server.port}`])
})

test('a name that has moved to a forbidden address by the time of a redirect is refused', async () => {
  const server = await serve(redirectsTo('/elsewhere'))
  const answers = [[{ address: '127.0.0.1', family: 4 }], [{ address: '169.254.169.254', family: 4 }]]
  const { options } = await setUp({
    allowedUrls: ['http://models\\.example:\\d+/.*'],
    lookup: async () => answers.shift() ?? [],
  })
  const failed = await thrown(() => fetchArchive(`http://models.example:${server.port}/a.mar`, options))
  expect(failed.reason).toContain('Its host leads to an address of the kind "metadata" (after a redirect)')
  expect(server.requests).toHaveLength(1)
})

test('a name with one forbidden address among good ones is refused', async () => {
  const { options } = await setUp({
    allowedUrls: ['http://[a-z.]+:\\d+/.*'],
    lookup: async () => [
      { address: '8.8.8.8', family: 4 },
      { address: '::ffff:10.0.0.1', family: 6 },
    ],
  })
  const failed = await thrown(() => fetchArchive('http://models.example:1/a.mar', options))
  expect(failed.reason).toContain(
    'an address of the kind "private"; such a host is allowed only by a pattern',
  )
})

test('as many redirects as are allowed are followed', async () => {
  const server = await serve((request, response) => {
    const step = Number(request.url?.slice('/a.mar?'.length))
    if (step === 5) response.end('archive')
    else response.writeHead(307, { location: `?${step + 1}` }).end()
  })
  const { store, options } = await setUp({ allowedUrls: [server.pattern] })
  await fetchArchive(`${server.origin}/a.mar?0`, options)
  expect(await readdir(store)).toEqual(['a.mar'])
})
