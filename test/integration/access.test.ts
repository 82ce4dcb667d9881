import { once } from 'node:events'
import { readFile, readdir } from 'node:fs/promises'
import { request, type OutgoingHttpHeaders } from 'node:http'
import { request as requestTls } from 'node:https'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

const fixture = (name: string) => join(import.meta.dirname, '../fixtures/tls', name)
const ca = await readFile(fixture('cert.pem'))

const VERBS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD', 'TRACE', 'PROPFIND', 'COPY']

const INFERENCE = [
  '/ping',
  '/predictions/none',
  '/predictions/none/1.0',
  '/predictions/none/1.0/v1/chat',
  '/explanations/none',
  '/explanations/none/1.0',
  '/invocations',
  '/models/none/invoke',
  '/none/predict',
  '/none/1.0/predict',
]
const MANAGEMENT = [
  '/models',
  '/models?url=none.mar',
  '/models/none',
  '/models/none/1.0',
  '/models/none/all',
  '/models/none/1.0/set-default',
  '/v1/models/none',
  '/token?type=management',
]

interface Reply {
  readonly status: number | undefined
  readonly type: string | undefined
}

/** fetch keeps Host and some verbs to itself. */
async function send(
  url: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: OutgoingHttpHeaders } = {},
): Promise<Reply> {
  const sendOver = url.startsWith('https:') ? requestTls : request
  return new Promise((resolve, reject) => {
    const sent = sendOver(url, { method, headers, agent: false, ca }, reply => {
      const status = reply.statusCode
      json(reply).then(
        body => resolve({ status, type: (body as { type?: string }).type }),
        () => resolve({ status, type: undefined }),
      )
    })
    sent.on('error', reject)
    sent.end()
  })
}

const withKey = (key: string) => ({ authorization: `Bearer ${key}` })

interface KeyFile {
  readonly management: { readonly key: string }
  readonly inference: { readonly key: string }
  readonly API: { readonly key: string }
}

let store: ModelStore
beforeAll(async () => void (store = await makeStore()))
afterAll(() => store.remove())

const readKeys = async () => JSON.parse(await readFile(join(store.dir, 'key_file.json'), 'utf8')) as KeyFile

async function start(...flags: string[]): Promise<TestServer> {
  const server = await startTestServer(store, flags)
  onTestFinished(() => server.stop())
  return server
}

/** Flags that put all APIs behind one address. */
async function onOnePort(): Promise<string[]> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  // Listening on TCP, the address is an object.
  const { port } = probe.address() as AddressInfo
  await once(probe.close(), 'close')
  return ['inference', 'management', 'metrics'].map(api => `--${api}-address=http://127.0.0.1:${port}`)
}

const OF_MANAGEMENT = 'OPTIONS /models/none/invoke'
const OF_INFERENCE = '/v1/models/none'
const PATHS = { inference: INFERENCE, management: MANAGEMENT }

/** What a route says to a request without its key; nothing where there is no such route even with the key. */
async function answersOf(
  url: string,
  method: string,
  keys: { right: string; wrong: string },
): Promise<Reply[]> {
  const known = await send(url, { method, headers: withKey(keys.right) })
  if (known.type === 'ResourceNotFoundException') return []
  const headers = [{}, withKey('wrong'), withKey(keys.wrong)]
  return Promise.all(headers.map(one => send(url, { method, headers: one })))
}

describe.each([
  ['inference', 'addresses of their own', []],
  ['management', 'addresses of their own', []],
  ['inference', 'one address', onOnePort],
  ['management', 'one address', onOnePort],
] as const)('%s with tokens, on %s', (api, _where, addresses) => {
  test('has no route that a verb reaches without its key', async () => {
    const flags = typeof addresses === 'function' ? await addresses() : []
    const server = await start('--disable-token-authorization=false', ...flags)
    const { inference, management } = await readKeys()
    const keys =
      api === 'inference'
        ? { right: inference.key, wrong: management.key }
        : { right: management.key, wrong: inference.key }
    // On one address this verb of this path is a model's description, which is management's.
    // And KServe's readiness of a model, which TorchServe has with management, is inference's there.
    const isShared = server.management === server.inference
    const isOthers = (path: string, call: string) =>
      isShared && (api === 'inference' ? call === OF_MANAGEMENT : path === OF_INFERENCE)
    const calls = PATHS[api]
      .flatMap(path => VERBS.map(method => ({ path, method })))
      .filter(({ path, method }) => !isOthers(path, `${method} ${path}`))
    const results = await Promise.all(
      calls.map(async ({ path, method }) => ({
        call: `${method} ${path}`,
        answers: await answersOf(`${server[api]}${path}`, method, keys),
      })),
    )
    const isRefused = ({ status, type }: Reply, call: string) =>
      // An answer to HEAD has no body.
      call.startsWith('HEAD ')
        ? status === 400 || status === 404
        : status === 400 && type === 'InvalidKeyException'
    const open = results.filter(({ call, answers }) => !answers.every(answer => isRefused(answer, call)))
    expect(open).toEqual([])
    // Not everything is refused only because nothing is there.
    const found = results.filter(({ answers }) => answers.length > 0).map(({ call }) => call)
    const expected = api === 'inference' ? ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'] : ['GET', 'PUT']
    for (const method of expected) expect(found).toContain(`${method} ${PATHS[api][2]}`)
  })
})

test('with tokens the descriptions and the metrics are for everyone', async () => {
  const { inference, management, metrics } = await start('--disable-token-authorization=false')
  for (const origin of [inference, management, metrics]) {
    expect(await send(`${origin}/`, { method: 'OPTIONS' })).toMatchObject({ status: 200 })
    expect(await send(`${origin}/api-description`)).toMatchObject({ status: 200 })
  }
  expect(await send(`${metrics}/metrics`)).toMatchObject({ status: 200 })
})

test('a renewed key opens, the old one does not, and the key file goes with the server', async () => {
  const server = await startTestServer(store, ['--disable-token-authorization=false'])
  const before = await readKeys()
  const renewal = `${server.management}/token?type=inference`
  expect(await send(renewal, { headers: withKey(before.API.key) })).toMatchObject({ status: 200 })
  const after = await readKeys()
  const ping = `${server.inference}/ping`
  expect(await send(ping, { headers: withKey(before.inference.key) })).toMatchObject({ status: 400 })
  expect(await send(ping, { headers: withKey(after.inference.key) })).toMatchObject({ status: 200 })
  await server.stop()
  expect(await readdir(store.dir)).not.toContain('key_file.json')
})

test('a second server on the same ports leaves the key file of the first alone', async () => {
  const flags = ['--disable-token-authorization=false']
  const server = await start(...flags)
  const before = await readKeys()
  const taken = [`--management-address=${server.management}`]
  await expect(startTestServer(store, [...flags, ...taken])).rejects.toMatchObject({ code: 'BAD_CONFIG' })
  expect(await readKeys()).toEqual(before)
})

test('a management API that other machines reach has a key without being told, and the log says where', async () => {
  const { management, inference, log } = await start('--management-address=http://0.0.0.0:0')
  const here = management.replace('0.0.0.0', '127.0.0.1')
  expect(await send(`${here}/models`)).toEqual({ status: 400, type: 'InvalidKeyException' })
  expect(await send(`${here}/models`, { headers: withKey((await readKeys()).management.key) })).toMatchObject(
    {
      status: 200,
    },
  )
  expect(await send(`${inference}/ping`)).toMatchObject({ status: 200 })
  expect(log.map(({ msg }) => msg)).toContainEqual(
    `Tokens are on: the management API needs its key; the keys are in ${join(store.dir, 'key_file.json')}`,
  )
})

test('a management API that was opened on purpose is worth a warning', async () => {
  const { management, log } = await start('--management-address=http://0.0.0.0:0', '--disable-token-auth')
  expect(await send(`${management.replace('0.0.0.0', '127.0.0.1')}/models`)).toMatchObject({ status: 200 })
  expect(log).toContainEqual(
    expect.objectContaining({ level: 40, msg: expect.stringMatching(/^TOKENS ARE OFF/) }),
  )
})

describe('on a loopback address', () => {
  const foreign = { status: 403, type: 'ForbiddenException' }

  test('a page that lets its own name point here reaches no API, whatever the verb', async () => {
    const { inference, management, metrics } = await start()
    for (const method of VERBS) {
      const sent = { method, headers: { host: 'evil.example' } }
      for (const url of [`${inference}/ping`, `${management}/models`, `${metrics}/metrics`]) {
        expect([403, 404]).toContain((await send(url, sent)).status)
      }
    }
    expect(await send(`${management}/models`, { headers: { host: 'evil.example' } })).toEqual(foreign)
  })

  test('a page of another site sends no form to management, even where CORS lets it predict', async () => {
    const { inference, management } = await start('--cors-allowed-origin=https://app.example')
    const sent = { method: 'POST', headers: { origin: 'https://app.example' } }
    expect(await send(`${management}/models?url=x.mar`, sent)).toEqual(foreign)
    expect(await send(`${inference}/ping`, sent)).toMatchObject({ status: 200 })
    expect(await send(`${inference}/ping`, { headers: { origin: 'https://evil.example' } })).toEqual(foreign)
  })

  test('a proxy that keeps the name of its client is named in allowed_hosts', async () => {
    const { inference } = await start('--allowed-hosts=models.example')
    expect(await send(`${inference}/ping`, { headers: { host: 'models.example' } })).toMatchObject({
      status: 200,
    })
  })
})

describe('https', () => {
  const pem = [`--certificate-file=${fixture('cert.pem')}`, `--private-key-file=${fixture('key.pem')}`]

  test('is per listener, and plain HTTP on it gets the 403 of TorchServe', async () => {
    const { inference, management } = await start('--inference-address=https://127.0.0.1:0', ...pem)
    expect(inference).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
    expect(management).toMatch(/^http:/)
    expect(await send(`${inference}/ping`)).toMatchObject({ status: 200 })
    const plain = await fetch(`${inference.replace('https:', 'http:')}/ping`)
    expect(plain.status).toBe(403)
    expect(await plain.json()).toEqual({ status: 'This TorchServe instance only accepts HTTPS requests' })
  })

  test('without a key stops the start with what to set', async () => {
    await expect(startTestServer(store, ['--inference-address=https://127.0.0.1:0'])).rejects.toThrow(
      'set certificate_file and private_key_file (PEM), or keystore and keystore_pass (PKCS12)',
    )
  })

  test('that no address asks for is worth a warning', async () => {
    const argv = ['--model-store', store.dir, ...pem]
    const { warnings } = await loadConfig({ argv, env: {}, cwd: store.dir })
    expect(warnings).toEqual([
      'certificate_file, private_key_file without effect: no address begins with https://, so nothing is encrypted',
    ])
  })
})
