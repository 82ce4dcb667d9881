/** Clients that are slow on purpose, and more bytes than the server may hold. */
import { connect, type Socket } from 'node:net'
import { setInterval as ticks } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { GrpcClient } from '../support/grpc.ts'
import { BUSY } from '../support/handlers.ts'
import { requestText, sendRaw } from '../support/http.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { logged, startTestServer, type TestServer } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

let store: ModelStore

beforeAll(async () => {
  store = await makeStore()
  await store.addHandler('busy', { handler: BUSY })
})
afterAll(() => store.remove())

async function start(...flags: string[]): Promise<TestServer> {
  const server = await startTestServer(store, flags)
  onTestFinished(() => server.stop())
  return server
}

function open(server: TestServer): { socket: Socket; received: () => string; closed: Promise<void> } {
  const { hostname, port } = new URL(server.inference)
  const socket = connect(Number(port), hostname)
  let received = ''
  socket.on('data', chunk => (received += chunk.toString('latin1')))
  socket.on('error', () => {}) // 'close' follows.
  const closed = new Promise<void>(resolve => socket.once('close', () => resolve()))
  onTestFinished(() => void socket.destroy())
  return { socket, received: () => received, closed }
}

const predict = (server: TestServer, headers: string[], body = '') =>
  requestText(server.inference, 'POST /predictions/busy', headers, body)

async function drip(socket: Socket): Promise<void> {
  for await (const _ of ticks(100)) {
    if (socket.destroyed || socket.writableEnded) return
    socket.write('x')
  }
}

describe('a client that sends', () => {
  test('one byte of a body now and then gets 408, and the connection is closed', async () => {
    const server = await start('--client-timeout=1')
    const { socket, received, closed } = open(server)
    socket.write(predict(server, ['Content-Length: 1000000', 'Connection: keep-alive']))
    await drip(socket)
    await closed
    expect(received()).toMatch(
      /^HTTP\/1\.1 408 Request Timeout\r\n.*connection: close.*did not arrive in time/s,
    )
    await logged(server, 'the client', ({ msg }) => msg === 'A client was cut off')
    await logged(server, 'the access', ({ msg, status }) => msg === 'access' && status === 408)
  })

  test('one byte of a header now and then gets 408', async () => {
    const server = await start('--client-timeout=1')
    const { socket, received, closed } = open(server)
    socket.write('GET /ping HTTP/1.1\r\nX-Long: ')
    await drip(socket)
    await closed
    expect(received()).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/)
  })

  test('nothing at all is let go', async () => {
    const server = await start('--client-timeout=1')
    const { received, closed } = open(server)
    await closed
    expect(received()).toMatch(/^(HTTP\/1\.1 408 Request Timeout\r\n|$)/)
  })

  test('a body at a fair speed, longer than the patience, is answered', async () => {
    const server = await start('--client-timeout=1', '--min-request-rate=100')
    const { socket, received, closed } = open(server)
    socket.write(predict(server, ['Content-Length: 600', 'Connection: close']))
    let sent = 0
    for await (const _ of ticks(100)) {
      socket.write('x'.repeat(25))
      if ((sent += 25) === 600) break
    }
    await closed
    expect(received()).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nx{600}$/s)
  })

  test('its request at once and waits for a model that computes for longer is answered', async () => {
    const server = await start('--client-timeout=1')
    const answer = await sendRaw(
      server.inference,
      predict(server, ['Content-Length: 4', 'X-Busy-Ms: 2500'], 'slow'),
    )
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n.*slow$/s)
  })
})

test('a client that does not take its answer is cut off', async () => {
  const server = await start(
    '--client-timeout=1',
    '--max-request-size=50000000',
    '--max-response-size=50000000',
  )
  const { socket, closed } = open(server)
  const body = 'x'.repeat(40_000_000)
  socket.write(predict(server, [`Content-Length: ${body.length}`], body))
  socket.pause()
  await logged(
    server,
    'the client',
    ({ msg, why }) => msg === 'A client was cut off' && why === 'it did not take its answer',
  )
  socket.resume()
  await closed
  expect(socket.bytesRead).toBeLessThan(body.length)
})

describe('more bytes in flight than are allowed', () => {
  const big = 600_000

  async function fill(server: TestServer): Promise<Socket> {
    const { socket } = open(server)
    socket.write(predict(server, [`Content-Length: ${big}`, 'Connection: keep-alive']))
    const full = async () => (await post(server, 'x'.repeat(big))).status === 503
    await waitFor('the budget to be taken', full)
    return socket
  }

  const post = (server: TestServer, body: string | ReadableStream) =>
    fetch(`${server.inference}/predictions/busy`, { method: 'POST', body, duplex: 'half' })

  test('are refused with 503 and a time to come back, small requests are served, and later all are', async () => {
    const server = await start('--max-inflight-bytes=1000000')
    const socket = await fill(server)
    const refused = await post(server, 'x'.repeat(big))
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    expect(await refused.json()).toMatchObject({ code: 503, type: 'ServiceUnavailableException' })
    const chunks = new ReadableStream({
      pull(controller) {
        controller.enqueue(Buffer.alloc(100_000, 'x'))
      },
    })
    expect(
      await post(server, chunks).then(
        ({ status }) => status,
        () => 'cut',
      ),
    ).toSatisfy(outcome => outcome === 503 || outcome === 'cut')
    expect(await (await post(server, 'small')).text()).toBe('small')
    socket.destroy()
    await waitFor('room', async () => (await post(server, 'x'.repeat(big))).status === 200)
  })

  test('are refused over gRPC too, and what one protocol holds the other has not', async () => {
    const server = await start('--max-inflight-bytes=1000000')
    const client = new GrpcClient(server.server.grpc?.inference ?? '')
    onTestFinished(() => client.close())
    const predictOverGrpc = (bytes: number) =>
      client.call('org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions', {
        model_name: 'busy',
        input: { body: Buffer.alloc(bytes, 'x') },
      })
    const socket = await fill(server)
    expect(await predictOverGrpc(big)).toEqual({ code: 8, details: expect.stringContaining('retry later') })
    expect(await predictOverGrpc(10)).toHaveProperty('answer')
    socket.destroy()
    await waitFor('room', async () => 'answer' in (await predictOverGrpc(big)))
    expect((await post(server, 'x'.repeat(big))).status).toBe(200)
  })

  test('are not what a stream of inferences has sent and got answers to', async () => {
    const server = await start('--max-inflight-bytes=1000000')
    const client = new GrpcClient(server.server.grpc?.inference ?? '')
    onTestFinished(() => client.close())
    const element = Buffer.alloc(big, 'x')
    element.writeUInt32LE(big - 4)
    const request = {
      model_name: 'busy',
      inputs: [{ name: 'data', datatype: 'BYTES', shape: [1] }],
      raw_input_contents: [element],
    }
    const stream = client.openStream('inference.GRPCInferenceService/ModelStreamInfer')
    for (let i = 0; i < 3; i++) {
      const answer = await Promise.race([stream.ask(request), stream.code])
      expect(answer).toMatchObject({ error_message: '', infer_response: {} })
    }
    expect((await post(server, 'x'.repeat(big))).status).toBe(200)
  })

  test('an answer that nobody has taken yet counts', async () => {
    const server = await start('--max-inflight-bytes=5000000', '--max-response-size=5000000')
    const { socket } = open(server)
    socket.pause()
    const body = 'x'.repeat(2_400_000)
    for (let i = 0; i < 3; i++)
      socket.write(predict(server, [`Content-Length: ${body.length}`, 'Connection: keep-alive'], body))
    await waitFor(
      'the budget to be taken',
      async () => (await post(server, 'x'.repeat(2_600_000))).status === 503,
    )
    socket.destroy()
    expect((await post(server, 'small')).status).toBe(200)
    await waitFor('room', async () => (await post(server, 'x'.repeat(2_000_000))).status === 200)
  })
})

test('connections above max_connections are closed at once, those below serve on', async () => {
  const server = await start('--max-connections=3')
  const first = [open(server), open(server), open(server)]
  await waitFor('a connection to be refused', async () => {
    const { socket, closed } = open(server)
    await closed
    return socket.destroyed
  })
  await logged(server, 'the limit', ({ msg }) => msg === 'Connections are refused: there are max_connections')
  const [one] = first
  one?.socket.write(requestText(server.inference, 'GET /ping', ['Connection: keep-alive']))
  await waitFor('an answer', () => one?.received().includes('\r\n\r\n{'))
  expect(one?.received()).toMatch(/^HTTP\/1\.1 200 OK/)
})
