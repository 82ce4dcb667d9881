import { describe, expect, onTestFinished, test } from 'vitest'
import { isLocal, refuseForeign, type OriginRules } from '../../../src/http/origin.ts'
import { quietApp } from '../../support/app.ts'

interface Sent {
  readonly host?: string
  readonly origin?: string
}

async function ask(
  sent: Sent,
  rules: Partial<OriginRules> = {},
): Promise<{ status: number; message: string }> {
  const app = quietApp()
  onTestFinished(() => app.close())
  const all = { host: '127.0.0.1', allowedHosts: [], allowedOrigin: undefined, ...rules }
  app.addHook('onRequest', refuseForeign(all))
  app.post('/models', () => 'in')
  const answer = await app.inject({ method: 'POST', url: '/models', headers: { ...sent } })
  return {
    status: answer.statusCode,
    message: answer.statusCode === 200 ? '' : answer.json<{ message: string }>().message,
  }
}

describe('the name in Host', () => {
  test.each([
    'localhost',
    'localhost:8081',
    'LOCALHOST:8081',
    'localhost.',
    '127.0.0.1',
    '127.0.0.1:1',
    '127.0.0.2:8081',
    '[::1]',
    '[::1]:8081',
  ])('%s is ours', async host => {
    expect(await ask({ host })).toMatchObject({ status: 200 })
  })

  test.each([
    'evil.example',
    'evil.example:8081',
    'localhost.evil.example',
    'localhost@evil.example',
    'evil.example@localhost',
    'xlocalhost',
    '127.0.0.1.evil.example',
    '127.0.0.1.nip.io',
    '10.0.0.1',
    '169.254.169.254',
    '[::2]',
    '[::1',
    'localhost:8081:8081',
    'localhost:evil',
    'localhost evil.example',
    '127.0.0.1/evil.example',
    '127.1',
    '2130706433',
    '-',
  ])('%s is refused: it may be a page that lets its own name point here', async host => {
    const { status, message } = await ask({ host })
    expect(status).toBe(403)
    expect(message).toBe(
      `Host "${host}" is not a name of this server, which is for this machine only: expected localhost, 127.0.0.1 ` +
        'or [::1]. Other names, such as that of a proxy in front, belong into allowed_hosts.',
    )
  })

  test('is shown short however long it is', async () => {
    const { message } = await ask({ host: `${'a'.repeat(5000)}.example` })
    expect(message.length).toBeLessThan(400)
  })

  test('is ours when the configuration says so', async () => {
    const rules = { allowedHosts: ['models.example', 'host.docker.internal'] }
    expect(await ask({ host: 'models.example:443' }, rules)).toMatchObject({ status: 200 })
    expect(await ask({ host: 'Host.Docker.Internal:8081' }, rules)).toMatchObject({ status: 200 })
    expect(await ask({ host: 'evil.models.example' }, rules)).toMatchObject({ status: 403 })
  })
})

describe('the page in Origin', () => {
  test.each(['http://localhost', 'http://localhost:3000', 'https://127.0.0.1:8443', 'http://[::1]:8081'])(
    '%s is of this machine',
    async origin => {
      expect(await ask({ host: 'localhost', origin })).toMatchObject({ status: 200 })
    },
  )

  test.each([
    'https://evil.example',
    'http://localhost.evil.example',
    'http://evil.example:8081',
    'http://localhost@evil.example',
    'null',
    'file://',
    'chrome-extension://abcdef',
    'localhost',
    '*',
  ])('%s is refused, although Host is ours', async origin => {
    expect(await ask({ host: 'localhost:8081', origin })).toEqual({
      status: 403,
      message: `Requests from pages of ${origin} are not allowed.`,
    })
  })

  test('is let in where CORS allows it, and no other', async () => {
    const rules = { allowedOrigin: 'https://app.example' }
    expect(await ask({ host: 'localhost', origin: 'https://app.example' }, rules)).toMatchObject({
      status: 200,
    })
    expect(await ask({ host: 'localhost', origin: 'https://app.example:444' }, rules)).toMatchObject({
      status: 403,
    })
    const any = { allowedOrigin: '*' }
    expect(await ask({ host: 'localhost', origin: 'https://any.example' }, any)).toMatchObject({
      status: 200,
    })
    expect(await ask({ host: 'evil.example', origin: 'https://any.example' }, any)).toMatchObject({
      status: 403,
    })
  })
})

test('a refusal is JSON as every other', async () => {
  const app = quietApp()
  onTestFinished(() => app.close())
  app.addHook('onRequest', refuseForeign({ host: '::1', allowedHosts: [], allowedOrigin: undefined }))
  app.get('/', () => 'in')
  const answer = await app.inject({ url: '/', headers: { host: 'a.example' } })
  expect(answer.json()).toMatchObject({ code: 403, type: 'ForbiddenException' })
  expect(answer.headers['content-type']).toBe('application/json')
})

test.each([
  ['127.0.0.1', true],
  ['127.255.0.1', true],
  ['localhost', true],
  ['::1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['127.0.0.1.example', false],
  ['127.evil', false],
  ['', false],
])('a listener on "%s" is for this machine only: %s', (host, expected) => {
  expect(isLocal({ kind: 'tcp', scheme: 'http', host, port: 1 })).toBe(expected)
})
