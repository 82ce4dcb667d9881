/** Bodies and headers that are too much, over the Open Inference Protocol: refused in bounded memory. */
import { connect } from 'node:net'
import { deflateSync, gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { sendRaw } from '../support/http.ts'
import { send, startOpenInference, type OpenInferenceServer } from '../support/open-inference.ts'

const MAX_BYTES = 1_000_000
const good = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }] }

let server: OpenInferenceServer
beforeAll(async () => {
  server = await startOpenInference([`--max-request-size=${MAX_BYTES}`])
})
afterAll(async () => {
  await server.stop()
  await server.store.remove()
})
/** The next request works, whatever came before it. */
afterEach(async () => {
  const { status, text } = await infer('rows', JSON.stringify(good))
  if (status !== 200) throw new Error(`After it the server answered ${status} ${text}`)
})

const infer = (model: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  send(`${server.inference}/v2/models/${model}/infer`, body, headers)

describe('bodies that are too much', () => {
  test.each([
    ['gzip', gzipSync(Buffer.alloc(50_000_000))],
    ['deflate', deflateSync(Buffer.alloc(50_000_000))],
  ])('a bomb in %s', async (encoding, body) => {
    const answer = await infer('rows', body, { 'content-encoding': encoding })
    expect(answer.status).toBe(413)
    expect(answer.json.error).toMatch(/exceeds the maximum allowed 1000000 bytes/)
  })

  test('encodings that are none or not known', async () => {
    const broken = await infer('rows', 'not gzip', { 'content-encoding': 'gzip' })
    expect([broken.status, broken.json.error]).toEqual([
      400,
      'the body is not gzip data, as its Content-Encoding says',
    ])
    expect((await infer('rows', 'x', { 'content-encoding': 'br' })).status).toBe(415)
    expect((await infer('rows', 'x', { 'content-encoding': 'gzip, gzip' })).status).toBe(415)
  })

  test('a body above the limit', async () => {
    const answer = await infer('rows', Buffer.alloc(MAX_BYTES + 1))
    expect(answer.status).toBe(413)
  })

  test('headers without end', async () => {
    const text = `POST /v2/models/rows/infer HTTP/1.1\r\nHost: x\r\nx-long: ${'a'.repeat(100_000)}`
    expect(await sendRaw(server.inference, text)).toMatch(/^HTTP\/1.1 4\d\d/)
  })

  test('a flood of chunks is counted as any body', async () => {
    const { host } = new URL(server.inference)
    const head = `POST /v2/models/rows/infer HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n`
    const chunks = '1\r\nx\r\n'.repeat(MAX_BYTES + 10)
    expect(await sendRaw(server.inference, head + chunks, { until: /\r\n\r\n/ })).toMatch(/^HTTP\/1.1 413/)
  })

  test('a request that is cut off in the middle', async () => {
    const { hostname, port, host } = new URL(server.inference)
    const head = `POST /v2/models/rows/infer HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1000\r\n\r\n{"inputs"`
    const isClosed = await new Promise<boolean>(resolve => {
      const socket = connect(Number(port), hostname, () => socket.write(head, () => socket.destroy()))
      socket.on('close', () => resolve(true))
    })
    expect(isClosed).toBe(true)
  })
})
