import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PARAMETERS } from '../support/handlers.ts'
import { jsonOf, requestText, sendRaw } from '../support/http.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

const LIMIT = 20_000
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

let store: ModelStore
let server: TestServer

beforeAll(async () => {
  store = await makeStore()
  await store.addDigits()
  await store.addHandler('parameters', { handler: PARAMETERS })
  server = await startTestServer(store, [
    `--max-request-size=${LIMIT}`,
    '--cors-allowed-origin=https://example.com',
    '--cors-allowed-methods=GET, POST',
  ])
})
afterAll(async () => {
  await server.stop()
  await store.remove()
})

const notFound = {
  code: 404,
  type: 'ResourceNotFoundException',
  message: 'Requested resource is not found, please refer to API document.',
}
const notAllowed = {
  code: 405,
  type: 'MethodNotAllowedException',
  message: 'Requested method is not allowed, please refer to API document.',
}

describe('headers', () => {
  test('every answer forbids caching, has a fresh id of the server’s, and the CORS headers', async () => {
    const ids = new Set<string | null>()
    for (const path of ['/ping', '/predictions/parameters', '/predictions/unknown', '/nowhere', '/%zz']) {
      const { headers } = await fetch(server.inference + path, { headers: { 'x-request-id': 'mine' } })
      expect(Object.fromEntries(headers)).toMatchObject({
        pragma: 'no-cache',
        'cache-control': 'no-cache; no-store, must-revalidate, private',
        expires: 'Thu, 01 Jan 1970 00:00:00 UTC',
        'access-control-allow-origin': 'https://example.com',
        'access-control-allow-methods': 'GET, POST',
        'content-length': expect.stringMatching(/^\d+$/) as unknown,
      })
      expect(headers.get('x-request-id')).toMatch(UUID)
      expect(headers.has('access-control-allow-headers')).toBe(false)
      ids.add(headers.get('x-request-id'))
    }
    expect(ids.size).toBe(5)
  })

  test('JSON of the server’s own is indented, ends with a newline and has no charset', async () => {
    const response = await fetch(`${server.inference}/ping`)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.text()).toBe('{\n  "status": "Healthy"\n}\n')
  })

  test('a connection is kept after an answer and closed after a refusal', async () => {
    const { inference } = server
    const ping = requestText(inference, 'GET /ping', ['Connection: keep-alive'])
    const bad = requestText(inference, 'GET /predictions/unknown', ['Connection: keep-alive'])
    // Comes back at all only because the server closes the connection after the third.
    const received = await sendRaw(inference, ping + ping + bad)
    expect(received.match(/^HTTP\/1\.1 \d+/gm)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 404'])
    expect(received.match(/^connection: .*/gim)).toEqual([
      'Connection: keep-alive',
      'Connection: keep-alive',
      'connection: close',
    ])
  })
})

describe('routes', () => {
  test.each([
    ['GET', '/ping/'],
    ['POST', '/ping'],
    ['DELETE', '/ping?x=1'],
    ['HEAD', '/ping'],
    ['PUT', '/predictions/parameters/'],
    ['PATCH', '/predictions/parameters/1.0/'],
    ['GET', '/%70ing'],
    ['OPTIONS', '/'],
    ['GET', '/api-description'],
  ])('%s %s is answered', async (method, path) => {
    expect((await fetch(server.inference + path, { method })).status).toBe(200)
  })

  test.each([
    ['GET', '/nowhere'],
    ['POST', '/predictions'],
    ['POST', '/explanations/'],
    ['GET', '/models/a/b/c'],
    ['GET', '/../../etc/passwd'],
    ['POST', `/predictions/${'a'.repeat(2000)}`],
    ['GET', '/metrics'],
  ])('%s %.40s is no route', async (method, path) => {
    expect(await jsonOf(await fetch(server.inference + path, { method }))).toEqual({
      status: 404,
      body: notFound,
    })
  })

  test.each([
    ['POST', '/models/parameters'],
    ['DELETE', '/models'],
  ])('%s %s is not allowed on the management port', async (method, path) => {
    const response = await fetch(server.management + path, { method })
    expect(await jsonOf(response)).toEqual({ status: 405, body: notAllowed })
  })

  test('GET / is not allowed', async () => {
    expect(await jsonOf(await fetch(`${server.inference}/`))).toEqual({ status: 405, body: notAllowed })
  })

  test('OPTIONS describes the APIs, and a model with what its graph takes', async () => {
    const apis = await jsonOf(await fetch(`${server.inference}/`, { method: 'OPTIONS' }))
    expect(apis.body).toMatchObject({
      openapi: '3.0.1',
      paths: { '/ping': {}, '/predictions/{model_name}': {} },
    })
    const model = await jsonOf(await fetch(`${server.inference}/predictions/digits`, { method: 'OPTIONS' }))
    expect(model).toMatchObject({
      status: 200,
      body: {
        info: { title: 'RESTful API for: digits' },
        paths: { '/prediction/digits': { post: { 'x-inputs': [{ shape: ['batch', 1, 8, 8] }] } } },
      },
    })
    const unknown = await fetch(`${server.inference}/predictions/unknown`, { method: 'OPTIONS' })
    expect(unknown.status).toBe(404)
  })

  test('a name with line ends in it stays inside its JSON', async () => {
    const request = requestText(server.inference, 'GET /predictions/a%0d%0aX-Evil:%201')
    const received = await sendRaw(server.inference, request)
    expect(received).toMatch(/^HTTP\/1\.1 404 /)
    expect(received).not.toMatch(/^x-evil/im)
    expect(received).toContain(String.raw`"Model not found: a\r\nX-Evil: 1"`)
  })
})

describe('a body beyond max_request_size', () => {
  const large = 'x'.repeat(LIMIT + 1)

  test('of a declared length gets an empty 413, and the connection goes on', async () => {
    const { inference } = server
    const headers = [`Content-Length: ${large.length}`, 'Connection: keep-alive']
    const post = requestText(inference, 'POST /predictions/parameters', headers, large)
    const received = await sendRaw(inference, post + requestText(inference, 'GET /ping'))
    const [refusal, next] = received.split('\r\n\r\nHTTP/1.1 ')
    expect(refusal).toMatch(/^HTTP\/1\.1 413 /)
    expect(refusal).toMatch(/^content-length: 0$/im)
    expect(refusal).not.toMatch(/^(connection|x-request-id|pragma|content-type):/im)
    expect(next).toMatch(/^200 OK/)
  })

  test('in chunks gets an empty 413, and the connection ends', async () => {
    const { inference } = server
    const chunk = `${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`
    const headers = ['Transfer-Encoding: chunked', 'Connection: keep-alive']
    const post = requestText(inference, 'POST /predictions/parameters', headers, chunk)
    const received = await sendRaw(inference, post + requestText(inference, 'GET /ping'))
    expect(received).toMatch(/^HTTP\/1\.1 413 /)
    expect(received.match(/HTTP\/1\.1/g)).toHaveLength(1)
  })

  test('is refused before it is sent where the client asks first', async () => {
    const { inference } = server
    const headers = [`Content-Length: ${large.length}`, 'Expect: 100-continue']
    const received = await sendRaw(inference, requestText(inference, 'POST /predictions/parameters', headers))
    expect(received).toMatch(/^HTTP\/1\.1 413 /)
  })

  test('of exactly that size is taken', async () => {
    const body = large.slice(1)
    const response = await fetch(`${server.inference}/predictions/parameters`, { method: 'POST', body })
    expect(response.status).toBe(200)
  })
})

test('who asks first whether to send a body is told to', async () => {
  const { inference } = server
  const headers = ['Content-Length: 2', 'Expect: 100-continue']
  const received = await sendRaw(
    inference,
    requestText(inference, 'POST /predictions/parameters', headers, 'hi'),
  )
  expect(received).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /)
  const other = requestText(
    inference,
    'POST /predictions/parameters',
    ['Content-Length: 2', 'Expect: more'],
    'hi',
  )
  expect(await sendRaw(inference, other)).toMatch(/^HTTP\/1\.1 417 /)
})

describe('what is no HTTP', () => {
  const invalid = `{\n  "code": 400,\n  "type": "BadRequestException",\n  "message": "Invalid HTTP message.",\n  "reason": "Expected a well-formed request of HTTP/1.1."\n}\n`

  test.each([
    ['garbage', 'hello, is this a model?\r\n\r\n'],
    ['a method that does not exist', 'BREW /ping HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['bytes', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01])],
    ['a length that is none', 'POST /ping HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n'],
    ['two lengths', 'POST /ping HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    [
      'a length beside chunks',
      'POST /ping HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
  ])('%s gets a 400 and the connection is closed', async (_case, bytes) => {
    const received = await sendRaw(server.inference, bytes)
    expect(received).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
    expect(received.split('\r\n\r\n')[1]).toBe(invalid)
  })

  test.each([
    ['header', `GET /ping HTTP/1.1\r\nHost: x\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`],
    ['path', `GET /${'x'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`],
  ])('a %s beyond the limit gets a 431 that says the limit, and is counted', async (_case, bytes) => {
    const count = async () => {
      const text = await (await fetch(`${server.metrics}/metrics`)).text()
      return Number(/^Requests4XX\{.*\} (\d+)/m.exec(text)?.[1] ?? 0)
    }
    const before = await count()
    const received = await sendRaw(server.inference, bytes)
    expect(received).toMatch(/^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/)
    expect(JSON.parse(received.split('\r\n\r\n')[1] ?? '')).toEqual({
      code: 431,
      type: 'RequestHeaderFieldsTooLargeException',
      message: 'The header is larger than the 16 kB that are allowed.',
    })
    expect(await count()).toBe(before + 1)
  })

  test('a path with broken escapes gets a 400', async () => {
    expect(await jsonOf(await fetch(`${server.inference}/predictions/%zz`))).toEqual({
      status: 400,
      body: {
        code: 400,
        type: 'BadRequestException',
        message: 'The path is not valid percent-encoding.',
      },
    })
  })

  test.each([
    ['CONNECT', 'CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a body that never comes', 'POST /ping HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf'],
    ['half a header', 'GET /ping HTTP/1.1\r\nHos'],
    ['nothing', ''],
  ])('%s does no harm', async (_case, bytes) => {
    await sendRaw(server.inference, bytes, { half: true })
    expect((await fetch(`${server.inference}/ping`)).status).toBe(200)
  })
})
