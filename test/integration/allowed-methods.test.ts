/** What is answered to a method that a path has not, and to paths that are none. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { sendRaw, requestText } from '../support/http.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

let store: ModelStore
let server: TestServer

beforeAll(async () => {
  store = await makeStore()
  await store.addDigits()
  server = await startTestServer(store)
})

afterAll(async () => {
  await server.stop()
  await store.remove()
})

const allowOf = async (url: string, method: string) => {
  const { status, headers } = await fetch(url, { method })
  return [status, headers.get('allow')]
}

describe('a method that a path has not gets 405 with those that it has', () => {
  test.each([
    ['GET', '/', 'OPTIONS'],
    ['POST', '/health/live', 'GET, HEAD'],
    ['OPTIONS', '/health/ready', 'GET, HEAD'],
    ['DELETE', '/v2', 'GET, HEAD'],
    ['OPTIONS', '/v2/health/live', 'GET, HEAD'],
    ['PUT', '/v2/models/digits', 'GET, HEAD'],
    ['GET', '/v2/models/digits/infer', 'POST'],
    ['OPTIONS', '/v2/models/digits/versions/1.0/infer', 'POST'],
    ['GET', '/v2/repository/index', 'POST'],
  ])('%s %s of the inference API: %s', async (method, path, allowed) => {
    expect(await allowOf(server.inference + path, method)).toEqual([405, allowed])
  })

  test.each([
    ['DELETE', '/models', 'GET'],
    ['OPTIONS', '/models', 'GET'],
    ['PATCH', '/models/digits', 'GET, OPTIONS, PUT'],
    ['PUT', '/v2/logging', 'GET, HEAD, POST'],
    ['GET', '/v2/repository/models/digits/load', ''],
  ])('%s %s of the management API: %s', async (method, path, allowed) => {
    expect(await allowOf(server.management + path, method)).toEqual([405, allowed])
  })

  test.each([
    ['POST', '/models?url=digits.mar', 'GET'],
    ['DELETE', '/models/digits', 'GET, OPTIONS, PUT'],
    ['POST', '/v2/repository/models/digits/load', ''],
  ])('%s %s where registering is switched off: %s', async (method, path, allowed) => {
    expect(await allowOf(server.management + path, method)).toEqual([405, allowed])
  })

  test('and where it is on, they are among them', async () => {
    const other = await startTestServer(store, ['--enable-model-api'])
    onTestFinished(() => other.stop())
    expect(await allowOf(`${other.management}/models`, 'DELETE')).toEqual([405, 'GET, POST'])
    expect(await allowOf(`${other.management}/models/digits`, 'POST')).toEqual([
      405,
      'DELETE, GET, OPTIONS, PUT',
    ])
    expect(await allowOf(`${other.management}/v2/repository/models/digits/load`, 'PUT')).toEqual([
      405,
      'POST',
    ])
  })
})

test.each([
  ['POST', '/models?url=digits.mar'],
  ['DELETE', '/models/digits'],
  ['DELETE', '/models/digits/1.0'],
])('%s %s says how it is switched on', async (method, path) => {
  const response = await fetch(server.management + path, { method })
  expect(response.status).toBe(405)
  expect(await response.json()).toMatchObject({
    message: 'Requested method is not allowed, please refer to API document.',
    reason: 'Set enable_model_api=true to register and unregister models.',
  })
})

describe('below /v2 every error is one of the Open Inference Protocol', () => {
  test.each([
    ['GET', '/v2/models/%zz', 400, 'The path is not valid percent-encoding.'],
    ['GET', '/v2/nowhere', 404, 'Requested resource is not found'],
    ['OPTIONS', '/v2/nowhere', 404, 'Requested resource is not found'],
    ['OPTIONS', '/v2/models/digits', 405, 'Requested method is not allowed'],
    ['PROPFIND', '/v2/models/digits', 404, 'Requested resource is not found'],
    ['GET', `/v2/models/${'a'.repeat(3000)}`, 404, 'Requested resource is not found'],
  ])('%s %.30s', async (method, path, status, text) => {
    const answer = await sendRaw(server.inference, requestText(server.inference, `${method} ${path}`))
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} .*\\r\\n\\r\\n\\{"error":"${text}`, 's'))
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({ code: status })
  })

  test('on the management address too', async () => {
    const response = await fetch(`${server.management}/v2/nowhere`)
    expect(await response.json()).toMatchObject({ error: expect.stringContaining('not found'), code: 404 })
  })

  test('and elsewhere it is one of TorchServe', async () => {
    const body = await (await fetch(`${server.inference}/v22/models`)).json()
    expect(body).toEqual({ code: 404, type: 'ResourceNotFoundException', message: expect.any(String) })
  })
})
