import { crc32, deflateSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BUSY } from '../support/handlers.ts'
import { digitPng, jsonOf, requestText, sendRaw } from '../support/http.ts'
import { digitsOnnx, fraudOnnx, makeStore, type ModelStore } from '../support/model-store.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

let store: ModelStore
let server: TestServer

beforeAll(async () => {
  store = await makeStore()
  await store.addDigits()
  await store.addOnnx('fraud', fraudOnnx)
  await store.addOnnx('raw_digits', digitsOnnx)
  await store.addHandler('busy', { handler: BUSY })
  await store.addFile('broken.mar', 'PK no zip at all')
  await store.addFile('empty.mar', '')
  await store.addFile('garbage.onnx', 'this is not protobuf')
  server = await startTestServer(store)
})
afterAll(async () => {
  await server.stop()
  await store.remove()
})

const post = (model: string, body: RequestInit['body'], type?: string) =>
  fetch(`${server.inference}/predictions/${model}`, {
    method: 'POST',
    body: body ?? null,
    headers: type === undefined ? {} : { 'content-type': type },
  })

function refusal(message: RegExp) {
  const text: unknown = expect.stringMatching(message)
  return { status: 400, body: { code: 400, type: 'BadRequestException', message: text } }
}

function pngChunk(type: string, data: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  const content = Buffer.concat([Buffer.from(type), data])
  const check = Buffer.alloc(4)
  check.writeUInt32BE(crc32(content))
  return Buffer.concat([length, content, check])
}

/** A small file of very many pixels: white, compressed. */
function hugePng(width: number, height: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header[8] = 1 // One bit each, grey.
  const rows = deflateSync(Buffer.alloc((Math.ceil(width / 8) + 1) * 1000))
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  return Buffer.concat([
    signature,
    pngChunk('IHDR', header),
    pngChunk('IDAT', rows),
    pngChunk('IEND', Buffer.alloc(0)),
  ])
}

describe('image_classifier refuses', () => {
  const png = digitPng('digit_3_a.png')
  test.each<[string, Buffer | string | null, RegExp, string?]>([
    [
      'bytes that are no picture',
      Buffer.from('I am a cat'),
      /^Expected a JPEG, PNG, .* image that can be decoded, got: /,
    ],
    ['an empty body', null, /^Expected an image, got nothing$/],
    ['a picture that ends early', png.subarray(0, png.length - 30), /^Expected a JPEG, PNG/],
    [
      'a picture whose bytes are wrong',
      Buffer.concat([png.subarray(0, 40), Buffer.alloc(90)]),
      /^Expected a/,
    ],
    [
      'an SVG',
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'),
      /^Expected a JPEG, PNG/,
    ],
    ['30,000 x 30,000 pixels', hugePng(30_000, 30_000), /^The image has too many pixels: .* 30000 x 30000$/],
    ['text that is no base64', '!!! no base64 !!!', /base64/, 'text/plain'],
    ['base64 of no image', Buffer.from('I am a cat').toString('base64'), /^Expected/, 'text/plain'],
    ['JSON of another kind', '{"picture": 1}', /^Expected/, 'application/json'],
  ])('%s', async (_case, body, message, type) => {
    const bytes = typeof body === 'string' || body === null ? body : new Uint8Array(body)
    const startedAt = performance.now()
    expect(await jsonOf(await post('digits', bytes, type))).toEqual(refusal(message))
    expect(performance.now() - startedAt).toBeLessThan(5000)
  })
})

describe('base_handler refuses', () => {
  const json = 'application/json'
  test.each<[string, string | null, RegExp]>([
    ['an empty body', null, /empty|nothing/i],
    ['JSON that ends early', '[[1, 2', /JSON/],
    ['a row that is too short', '[[1, 2, 3]]', /"\w+".*\[.*12\].*\[.*3\]/],
    ['rows of different lengths', '[[1, 2], [3]]', /.+/],
    ['text in place of numbers', `[["a"${', 1'.repeat(11)}]]`, /"a"|string|number/],
    ['null in place of numbers', `[[null${', 1'.repeat(11)}]]`, /null|number/],
    ['nesting without end', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, /.+/],
    ['an unknown input', '{"nothing_like_it": [[1]]}', /nothing_like_it/],
    ['no rows', '[]', /.+/],
  ])('%s, naming input, expected and got', async (_case, body, message) => {
    expect(await jsonOf(await post('fraud', body, json))).toEqual(refusal(message))
  })

  test('a shape that the graph does not take', async () => {
    const body = JSON.stringify([
      [
        [
          [1, 2],
          [3, 4],
        ],
      ],
    ])
    const answer = await jsonOf(await post('raw_digits', body, json))
    expect(answer).toEqual(refusal(/"image".*\[batch, 1, 8, 8\].*\[1, 1, 2, 2\]/))
  })
})

test('a body that ends early is never predicted on', async () => {
  const before = await fetch(`${server.metrics}/metrics`).then(page => page.text())
  const headers = ['Content-Length: 1000', 'Content-Type: image/png']
  const bytes = requestText(server.inference, 'POST /predictions/digits', headers, 'only this')
  expect(await sendRaw(server.inference, bytes, { half: true })).not.toMatch(/^HTTP\/1\.1 200/)
  const after = await fetch(`${server.metrics}/metrics`).then(page => page.text())
  const count = /^ts_inference_requests_total\{model_name="digits".*$/m
  expect(count.exec(after)?.[0]).toBe(count.exec(before)?.[0])
})

describe('models and versions that are not there', () => {
  test.each([
    ['/predictions/unknown', 'ModelNotFoundException', 'Model not found: unknown'],
    ['/explanations/unknown', 'ModelNotFoundException', 'Model not found: unknown'],
    ['/predictions/__proto__', 'ModelNotFoundException', 'Model not found: __proto__'],
    ['/predictions/constructor/1.0', 'ModelNotFoundException', 'Model not found: constructor'],
    ['/predictions/Digits', 'ModelNotFoundException', 'Model not found: Digits'],
    [
      '/predictions/digits/2.0',
      'ModelVersionNotFoundException',
      'Model version: 2.0 does not exist for model: digits',
    ],
    [
      '/predictions/digits/__proto__',
      'ModelVersionNotFoundException',
      'Model version: __proto__ does not exist for model: digits',
    ],
    ['/invocations?model_name=unknown', 'ModelNotFoundException', 'Model not found: unknown'],
  ])('%s', async (path, type, message) => {
    const response = await fetch(server.inference + path, { method: 'POST', body: 'x' })
    expect(await jsonOf(response)).toEqual({ status: 404, body: { code: 404, type, message } })
  })

  test('/invocations without a name, among several models', async () => {
    const response = await fetch(`${server.inference}/invocations`, { method: 'POST', body: 'x' })
    expect(await jsonOf(response)).toEqual({
      status: 400,
      body: { code: 400, type: 'BadRequestException', message: 'Parameter model_name is required.' },
    })
  })
})

describe('archives that are broken', () => {
  test('do not stop the others, and are told with the reason', () => {
    const refused = new Map(server.server.refused.map(({ url, reason }) => [url, reason]))
    expect([...refused.keys()].toSorted()).toEqual(['broken.mar', 'empty.mar'])
    expect(refused.get('broken.mar')).toMatch(/^Archive broken\.mar is refused: /)
    expect(refused.get('empty.mar')).toBe('Archive empty.mar is refused: it is empty')
  })

  test('a model that ONNX Runtime refuses is shown with the reason and without paths', async () => {
    const description = await server.describe('garbage')
    expect(description.state).toBe('loading')
    expect(description.reason).toMatch(/^ONNX Runtime refuses garbage\.onnx: /)
    expect(description.reason).not.toContain(store.dir)
  })
})

test('after all that every model still answers', async () => {
  expect((await post('digits', new Uint8Array(digitPng('digit_3_a.png')))).status).toBe(200)
  expect((await post('fraud', JSON.stringify(Array(12).fill(0)), 'application/json')).status).toBe(200)
  expect(await (await post('busy', 'hello', 'text/plain')).text()).toBe('hello')
})
