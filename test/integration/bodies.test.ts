import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PARAMETERS } from '../support/handlers.ts'
import { digitPng, jsonOf, probabilitiesOf, recordedDigits, requestText, sendRaw } from '../support/http.ts'
import { fraudOnnx, makeStore, type ModelStore } from '../support/model-store.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

let store: ModelStore
let server: TestServer

beforeAll(async () => {
  store = await makeStore()
  await store.addDigits()
  await store.addOnnx('fraud', fraudOnnx)
  await store.addHandler('parameters', { handler: PARAMETERS })
  await store.addHandler('parameters', { handler: PARAMETERS, version: '2.0' })
  server = await startTestServer(store)
})
afterAll(async () => {
  await server.stop()
  await store.remove()
})

const seven = digitPng('digit_7_a.png')
const expected = recordedDigits().find(({ file }) => file === 'digit_7_a.png')

function form(...parts: [name: string, value: string | Blob, file?: string][]): FormData {
  const data = new FormData()
  for (const [name, value, file] of parts) {
    if (typeof value === 'string') data.append(name, value)
    else data.append(name, value, file ?? 'file')
  }
  return data
}

const file = (content: Uint8Array<ArrayBuffer> | string, type = 'application/octet-stream') =>
  new Blob([content], { type })
const bytes = new Uint8Array(seven)
const base64 = seven.toString('base64')

describe('an image reaches image_classifier', () => {
  const json = { 'content-type': 'application/json' }
  test.each<[string, RequestInit]>([
    ['as a body (curl -T)', { method: 'PUT', body: bytes }],
    ['as a POST body without a content type', { method: 'POST', body: bytes }],
    ['as an image/png', { method: 'POST', body: bytes, headers: { 'content-type': 'image/png' } }],
    [
      'as what curl --data-binary says it is',
      { method: 'POST', body: bytes, headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    ],
    ['as the file "data" of a form', { method: 'POST', body: form(['data', file(bytes)]) }],
    ['as the file "body" of a form', { method: 'POST', body: form(['body', file(bytes, 'image/png')]) }],
    ['as base64 text', { method: 'POST', body: base64, headers: { 'content-type': 'text/plain' } }],
    [
      'as base64 in a text file of a form',
      { method: 'POST', body: form(['data', file(base64, 'text/plain')]) },
    ],
    ['as base64 in JSON', { method: 'POST', body: JSON.stringify({ b64: base64 }), headers: json }],
  ])('%s', async (_form, init) => {
    const response = await fetch(`${server.inference}/predictions/digits`, init)
    const text = await response.text()
    expect(`${response.status} ${text}`).toMatch(/^200 /)
    const probabilities = probabilitiesOf(JSON.parse(text))
    expect(probabilities).toHaveLength(10)
    probabilities.forEach((value, digit) => expect(value).toBeCloseTo(expected?.probabilities[digit] ?? 2, 4))
  })

  test('in a body that comes in chunks', async () => {
    const stream = new ReadableStream({
      start(controller) {
        for (let at = 0; at < bytes.length; at += 50) controller.enqueue(bytes.subarray(at, at + 50))
        controller.close()
      },
    })
    const init = { method: 'POST', body: stream, duplex: 'half' } as RequestInit
    const response = await fetch(`${server.inference}/predictions/digits`, init)
    expect(response.status).toBe(200)
  })
})

test('the answer is JSON from the most to the least probable, two spaces deep and without a newline', async () => {
  const response = await fetch(`${server.inference}/predictions/digits`, { method: 'POST', body: bytes })
  expect(response.headers.get('content-type')).toBe('application/json')
  const text = await response.text()
  expect(text).toMatch(/^\{\n {2}"7": 0\.\d+,\n {2}"\d": /)
  expect(text.endsWith('\n}')).toBe(true)
})

describe('numbers reach base_handler', () => {
  const row = [28.2833, 5, 556.493, 647.773, 3, 26.3094, 0.12977, 0, 0, 0, 0, 0.641093]
  const body = JSON.stringify([row])
  test.each<[string, RequestInit]>([
    ['as JSON', { body, headers: { 'content-type': 'application/json' } }],
    ['as JSON with a charset', { body, headers: { 'content-type': 'Application/JSON; charset=UTF-8' } }],
    [
      'as what curl -d says it is',
      { body, headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    ],
    ['as text', { body, headers: { 'content-type': 'text/plain' } }],
    ['as bytes', { body, headers: { 'content-type': 'application/octet-stream' } }],
    ['as a field of a form', { body: form(['data', body]) }],
    ['as a file of a form', { body: form(['data', file(body, 'application/json')]) }],
  ])('%s', async (_form, init) => {
    const response = await fetch(`${server.inference}/predictions/fraud`, { method: 'POST', ...init })
    const answer = await jsonOf(response)
    expect(answer).toMatchObject({ status: 200 })
    expect(Number([answer.body].flat(9)[0])).toBeCloseTo(0.000045, 5)
  })
})

interface Seen {
  readonly parameters: Record<string, unknown>
  readonly headers: Record<string, string>
}

async function seen(path: string, init: RequestInit = { method: 'POST' }): Promise<Seen> {
  const response = await fetch(server.inference + path, init)
  expect(response.status).toBe(200)
  return (await response.json()) as Seen
}

describe('what a handler gets', () => {
  test.each<[string, RequestInit, Record<string, unknown>]>([
    ['no body is an empty one', { method: 'POST' }, { body: 'bytes:' }],
    ['neither has GET', { method: 'GET' }, { body: 'bytes:' }],
    [
      'JSON is parsed',
      { method: 'POST', body: '{"a": [1]}', headers: { 'content-type': 'application/json' } },
      { body: { a: [1] } },
    ],
    [
      'JSON that is none stays bytes',
      { method: 'POST', body: '{"a": [1', headers: { 'content-type': 'application/json' } },
      { body: 'bytes:{"a": [1' },
    ],
    [
      'text is text',
      { method: 'POST', body: 'größe', headers: { 'content-type': 'text/csv; charset=utf-8' } },
      { body: 'größe' },
    ],
    [
      'a content type that is none makes bytes',
      { method: 'POST', body: 'abc', headers: { 'content-type': 'whatever' } },
      { body: 'bytes:abc' },
    ],
    [
      'a form has its fields as bytes and its files by their type',
      {
        method: 'POST',
        body: form(
          ['field', '[1]'],
          ['json', file('[1]', 'application/json')],
          ['text', file('t', 'text/plain')],
        ),
      },
      { field: 'bytes:[1]', json: [1], text: 't' },
    ],
    [
      'of fields with one name the last counts',
      { method: 'POST', body: form(['data', 'first'], ['data', 'last']) },
      { data: 'bytes:last' },
    ],
    [
      'names that mean something to JavaScript are names',
      { method: 'POST', body: form(['__proto__', 'x'], ['constructor', 'y']) },
      { ['__proto__']: 'bytes:x', constructor: 'bytes:y' },
    ],
    [
      'urlencoded fields are decoded',
      { method: 'POST', body: new URLSearchParams({ a: 'b c&d', e: '%' }) },
      { a: 'bytes:b c&d', e: 'bytes:%' },
    ],
    ['an empty form has no parameters', { method: 'POST', body: form() }, {}],
  ])('%s', async (_case, init, parameters) => {
    const got = await seen('/predictions/parameters', init)
    expect(Object.entries(got.parameters)).toEqual(Object.entries(parameters))
  })

  test('the client’s headers, url_path and explain', async () => {
    const { headers } = await seen('/predictions/parameters/1.0/some/further%20path', {
      method: 'POST',
      headers: { 'x-request-id': 'mine', 'X-Other': 'other' },
    })
    expect(headers).toMatchObject({
      'x-request-id': 'mine',
      'x-other': 'other',
      url_path: 'some/further path',
      explain: 'False',
    })
    expect((await seen('/predictions/parameters')).headers['url_path']).toBe('')
  })

  test('a GET with a body has a body', async () => {
    const text = requestText(server.inference, 'GET /predictions/parameters', ['Content-Length: 2'], 'hi')
    expect(await sendRaw(server.inference, text)).toContain('"body": "bytes:hi"')
  })

  test.each([
    ['/invocations?model_name=parameters&a=1&a=2&b=%C3%A4', { a: 'bytes:2', b: 'bytes:\u00c3\u00a4' }],
    ['/models/parameters/invoke?a=1', { a: 'bytes:1' }],
    ['/parameters/predict?a=1', { a: 'bytes:1' }],
    ['/parameters/2.0/predict?a=1', { a: 'bytes:1' }],
  ])('%s hands the query on', async (path, parameters) => {
    expect((await seen(path)).parameters).toMatchObject(parameters)
  })

  test('/predictions hands no query on', async () => {
    expect((await seen('/predictions/parameters?a=1')).parameters).toEqual({ body: 'bytes:' })
  })

  test('/invocations finds the model in a field of the form too', async () => {
    const body = form(['model_name', 'parameters'])
    expect((await seen('/invocations', { method: 'POST', body })).parameters).toEqual({
      model_name: 'bytes:parameters',
    })
  })
})

describe('forms that are broken are refused with what is wrong', () => {
  const multipart = (body: string, type = 'multipart/form-data; boundary=b') => ({
    method: 'POST',
    body,
    headers: { 'content-type': type },
  })
  test.each<[string, RequestInit, string]>([
    ['without a boundary', multipart('--b--', 'multipart/form-data'), 'Boundary'],
    ['that end in the middle', multipart('--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx'), 'end'],
    ['with an endless boundary', multipart('', `multipart/form-data; boundary=${'b'.repeat(300)}`), '200'],
    [
      'with too many parts',
      multipart(`${'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'.repeat(1001)}--b--\r\n`),
      '1000 parts',
    ],
    [
      'with too many fields',
      {
        method: 'POST',
        body: `a=1${'&a=1'.repeat(1000)}`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      },
      '1000 fields',
    ],
  ])('%s', async (_case, init, words) => {
    const response = await fetch(`${server.inference}/predictions/parameters`, init)
    expect(await jsonOf(response)).toMatchObject({
      status: 400,
      body: { code: 400, type: 'BadRequestException', message: expect.stringContaining(words) as unknown },
    })
  })
})
