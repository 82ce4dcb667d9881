/** A server that is stopped ends what it fetches, and begins nothing new. */
import { readdir } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { startServer } from '../../src/server.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { startManaged } from '../support/managed.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { freshTmpdir, leftovers, onFreePorts } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'
import { webServers } from '../support/web-server.ts'

const serve = webServers()
let tmp: Awaited<ReturnType<typeof freshTmpdir>>
let store: ModelStore
beforeAll(async () => {
  tmp = await freshTmpdir()
  store = await makeStore()
  await store.addDigits()
})
afterAll(async () => {
  await store.remove()
  await tmp.remove()
})

/** A download that begins and never ends. */
const slowArchive = () =>
  serve((_request, response) => void response.writeHead(200, { 'content-length': '1000' }).write('PK'))

test('a download under way is ended, its client is told, and nothing of it stays', async () => {
  const { origin, pattern } = await slowArchive()
  const managed = await startManaged(store, ['--allowed-urls', pattern])
  const asked = managed.post(`url=${origin}/slow.mar`)
  await waitFor('the download', async () => (await readdir(store.dir)).some(name => name.endsWith('.part')))
  await managed.stop()
  expect(await asked).toMatchObject({ status: 503, body: { type: 'ServiceUnavailableException' } })
  expect(await readdir(store.dir)).toEqual(['digits.mar'])
  expect(await leftovers()).toEqual([])
})

test('a start that is ended while it fetches a model throws, and nothing of it stays', async () => {
  const { origin, pattern, requests } = await slowArchive()
  const models = `digits.mar,slow=${origin}/slow.mar`
  const { config } = await loadConfig({
    argv: ['--model-store', store.dir, '--models', models, '--allowed-urls', pattern, ...onFreePorts],
    env: {},
    cwd: store.dir,
  })
  const logger = createLogger({ format: 'json', level: 'silent' })
  const end = new AbortController()
  const options = { config, logger, version: '0.1.0', env: process.env }
  const starting = startServer({ ...options, signal: end.signal })
  starting.catch(() => {})
  await waitFor('the download', () => requests.length > 0)
  end.abort()
  await expect(starting).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
  await expect(startServer({ ...options, signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: 'SHUTTING_DOWN',
  })
  expect(await readdir(store.dir)).toEqual(['digits.mar'])
  expect(await leftovers()).toEqual([])
})
