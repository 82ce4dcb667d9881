import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { Access, type AccessOptions } from '../../../src/http/access.ts'
import type { App } from '../../../src/http/app.ts'
import type { Binding } from '../../../src/http/listen.ts'
import { quietApp } from '../../support/app.ts'

const tcp = (host: string): Binding => ({ kind: 'tcp', scheme: 'http', host, port: 0 })
const socket: Binding = { kind: 'unix', path: '/run/sconce.sock' }

let dir: string
beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), 'access-'))))
afterEach(() => rm(dir, { recursive: true }))

function access(options: Partial<AccessOptions> & { management?: Binding } = {}): Access {
  const { management = tcp('127.0.0.1'), ...rest } = options
  return new Access({
    tokens: 'by address',
    keyFile: join(dir, 'key_file.json'),
    keyLifeMs: 60_000,
    listeners: { inference: tcp('0.0.0.0'), management, metrics: tcp('0.0.0.0') },
    allowedHosts: [],
    allowedOrigin: undefined,
    ...rest,
  })
}

const isFileThere = async () => (await readdir(dir)).includes('key_file.json')

interface KeyFile {
  readonly management: { readonly key: string }
  readonly inference: { readonly key: string }
  readonly API: { readonly key: string }
}
const readKeys = async () => JSON.parse(await readFile(join(dir, 'key_file.json'), 'utf8')) as KeyFile

/** One app with a route of each API, as when all three share an address. */
function sharedApp(guard: Access): App {
  const app = quietApp()
  onTestFinished(() => app.close())
  guard.addApi(app, 'inference', open => open.get('/ping', () => ({ api: 'inference' })))
  guard.addApi(app, 'management', open => open.all('/models', () => ({ api: 'management' })))
  guard.addApi(app, 'metrics', open => open.get('/metrics', () => ({ api: 'metrics' })))
  return app
}

async function statuses(app: App, key?: string): Promise<Record<string, number>> {
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` }
  const entries = await Promise.all(
    ['/ping', '/models', '/metrics'].map(async url => {
      const { statusCode } = await app.inject({ url, headers: { host: '127.0.0.1', ...headers } })
      return [url, statusCode] as const
    }),
  )
  return Object.fromEntries(entries)
}

describe('without a word in the configuration', () => {
  test.each([
    ['127.0.0.1', tcp('127.0.0.1')],
    ['127.9.9.9', tcp('127.9.9.9')],
    ['localhost', tcp('localhost')],
    ['::1', tcp('::1')],
    ['a unix socket', socket],
  ])('management on %s needs no key, and there is no key file', async (_name, management) => {
    const guard = access({ management })
    await guard.open()
    expect(await statuses(sharedApp(guard))).toEqual({ '/ping': 200, '/models': 200, '/metrics': 200 })
    expect(guard.describe()).toBeUndefined()
    expect(await isFileThere()).toBe(false)
  })

  test.each([
    '0.0.0.0',
    '::',
    '192.168.1.7',
    'gpu-box',
    'localhost.evil.example',
    '127.0.0.1.example',
    '::ffff:127.0.0.1',
  ])('management on %s needs its key, inference and metrics none', async host => {
    const guard = access({ management: tcp(host) })
    await guard.open()
    const app = sharedApp(guard)
    expect(await statuses(app)).toEqual({ '/ping': 200, '/models': 400, '/metrics': 200 })
    const { management, inference } = await readKeys()
    expect(await statuses(app, management.key)).toEqual({ '/ping': 200, '/models': 200, '/metrics': 200 })
    expect(await statuses(app, inference.key)).toEqual({ '/ping': 200, '/models': 400, '/metrics': 200 })
    expect(guard.describe()).toEqual({
      message: `Tokens are on: the management API needs its key; the keys are in ${join(dir, 'key_file.json')}`,
      isGrave: false,
    })
    await guard.close()
    expect(await isFileThere()).toBe(false)
  })
})

describe('with disable_token_authorization=false', () => {
  test('inference and management need their own keys even on loopback, metrics none', async () => {
    const guard = access({ tokens: 'always' })
    await guard.open()
    const app = sharedApp(guard)
    const { management, inference, API } = await readKeys()
    expect(await statuses(app)).toEqual({ '/ping': 400, '/models': 400, '/metrics': 200 })
    expect(await statuses(app, inference.key)).toEqual({ '/ping': 200, '/models': 400, '/metrics': 200 })
    expect(await statuses(app, management.key)).toEqual({ '/ping': 400, '/models': 200, '/metrics': 200 })
    expect(await statuses(app, API.key)).toEqual({ '/ping': 400, '/models': 400, '/metrics': 200 })
    expect(guard.describe()?.message).toMatch(/^Tokens are on: inference and management need their key/)
  })

  test('the refusal has the form of TorchServe, with the reason beside it', async () => {
    const app = sharedApp(access({ tokens: 'always' }))
    const answer = await app.inject({ url: '/ping', headers: { authorization: 'Bearer nope' } })
    expect(answer.statusCode).toBe(400)
    expect(answer.json()).toEqual({
      code: 400,
      type: 'InvalidKeyException',
      message: 'Token Authorization failed. Token either incorrect, expired, or not provided correctly',
      reason: 'the key that was sent is not the inference key; the key file has it',
    })
  })

  test('every route of an API is behind its key, also one of a plugin inside it', async () => {
    const app = quietApp()
    onTestFinished(() => app.close())
    access({ tokens: 'always' }).addApi(app, 'management', open => {
      void open.register((inner, _options, done) => {
        inner.all('/workflows', () => 'in')
        done()
      })
    })
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'] as const) {
      expect((await app.inject({ method, url: '/workflows' })).statusCode).toBe(400)
    }
  })
})

describe('with disable_token_authorization=true', () => {
  test('nothing needs a key, and a management API that others reach is worth a loud warning', async () => {
    const guard = access({ tokens: 'never', management: tcp('0.0.0.0') })
    await guard.open()
    expect(await statuses(sharedApp(guard))).toEqual({ '/ping': 200, '/models': 200, '/metrics': 200 })
    expect(await isFileThere()).toBe(false)
    expect(guard.describe()).toMatchObject({
      isGrave: true,
      message: expect.stringContaining('TOKENS ARE OFF'),
    })
  })

  test('on loopback there is nothing to warn of, and no /token', async () => {
    const guard = access({ tokens: 'never' })
    expect(guard.describe()).toBeUndefined()
    expect((await sharedApp(guard).inject('/token?type=inference')).statusCode).toBe(404)
  })
})

describe('/token', () => {
  async function open(): Promise<{ app: App; keys: KeyFile }> {
    const guard = access({ tokens: 'always' })
    await guard.open()
    return { app: sharedApp(guard), keys: await readKeys() }
  }
  const renew = (app: App, url: string, key: string) =>
    app.inject({ url, headers: { authorization: `Bearer ${key}` } })

  test.each(['inference', 'management'] as const)(
    'renews the %s key, and the old one is void',
    async type => {
      const { app, keys } = await open()
      const answer = await renew(app, `/token?type=${type}`, keys.API.key)
      expect(answer.statusCode).toBe(200)
      expect(answer.headers['content-type']).toBe('application/json')
      expect(answer.payload).toBe('\n')
      const url = type === 'inference' ? '/ping' : '/models'
      expect(await statuses(app, keys[type].key)).toMatchObject({ [url]: 400 })
      expect(await statuses(app, (await readKeys())[type].key)).toMatchObject({ [url]: 200 })
    },
  )

  test.each([
    ['no type', '/token'],
    ['an unknown type', '/token?type=API'],
    ['an empty type', '/token?type='],
  ])('with %s is refused', async (_what, url) => {
    const { app, keys } = await open()
    const answer = await renew(app, url, keys.API.key)
    expect(answer.statusCode).toBe(400)
    expect(answer.json()).toMatchObject({
      type: 'InvalidKeyException',
      message: 'Token Authentication failed. Token either incorrect, expired, or not provided correctly',
    })
    expect(await readKeys()).toEqual(keys)
  })

  test('takes the API key only, and no other verb is a way around', async () => {
    const { app, keys } = await open()
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD'] as const) {
      for (const key of [keys.management.key, keys.inference.key, 'wrong']) {
        const headers = { authorization: `Bearer ${key}` }
        const answer = await app.inject({ method, url: '/token?type=management', headers })
        expect([400, 404]).toContain(answer.statusCode)
      }
    }
    expect(await readKeys()).toEqual(keys)
  })

  test('elsewhere in a request means nothing', async () => {
    const { app, keys } = await open()
    const headers = { authorization: `Bearer ${keys.API.key}`, 'x-note': '/token' }
    expect((await app.inject({ url: '/models?next=/token', headers })).statusCode).toBe(400)
  })
})
