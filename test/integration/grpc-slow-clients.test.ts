/** Clients of gRPC that are slow on purpose, and more bytes than the server may hold. */
import { setInterval as ticks } from 'node:timers/promises'
import { connect } from 'node:net'
import { constants, type ClientHttp2Stream } from 'node:http2'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { GRPCInferenceService } from '../../src/grpc/services-open-inference.ts'
import { InferenceAPIsService } from '../../src/grpc/services-torchserve.ts'
import { GrpcClient, type Outcome } from '../support/grpc.ts'
import { connectHttp2, framed, openCall, statusOf } from '../support/grpc-wire.ts'
import { BUSY } from '../support/handlers.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { logged, startTestServer, type TestServer } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

const PREDICTIONS = 'org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions'

let store: ModelStore

beforeAll(async () => {
  store = await makeStore()
  await store.addHandler('busy', { handler: BUSY })
})
afterAll(() => store.remove())

interface Started extends TestServer {
  /** Opens a call of Predictions on a connection of its own. */
  open(headers?: Readonly<Record<string, string>>): Promise<ClientHttp2Stream>
  /** Has a prediction made of so many bytes. */
  predict(bytes: number): Promise<Outcome>
}

async function start(...flags: string[]): Promise<Started> {
  const server = await startTestServer(store, flags)
  onTestFinished(() => server.stop())
  const address = server.server.grpc?.inference ?? ''
  const client = new GrpcClient(address, { 'grpc.max_receive_message_length': -1 })
  onTestFinished(() => client.close())
  return {
    ...server,
    open: async headers => openCall(await connectHttp2(address), PREDICTIONS, headers),
    predict: bytes =>
      client.call(PREDICTIONS, { model_name: 'busy', input: { body: Buffer.alloc(bytes, 'x') } }),
  }
}

/** A prediction of so many bytes as it goes over the wire. */
function request(bytes: number): Buffer {
  const input = new Map([['body', Buffer.alloc(bytes, 'x')]])
  return framed(InferenceAPIsService.methods.Predictions.request.encode({ model_name: 'busy', input }))
}

/** Sends these and returns once the server has read them, which it has when it answers a ping behind them. */
async function arrived(call: ClientHttp2Stream, bytes: Buffer): Promise<void> {
  await new Promise<void>(resolve => call.write(bytes, () => resolve()))
  await new Promise<void>(resolve => call.session?.ping(() => resolve()))
}

const cutOff = (server: TestServer, reason: string) =>
  logged(server, 'the client', ({ msg, why }) => msg === 'A client was cut off' && why === reason)

const codeOf = (outcome: Outcome) => ('code' in outcome ? outcome.code : 0)

describe('a client that sends', () => {
  test('one byte of a message now and then is cut off with a status', async () => {
    const server = await start('--client-timeout=1')
    const call = await server.open()
    const status = statusOf(call)
    call.write(request(10_000).subarray(0, 100))
    for await (const _ of ticks(100)) {
      if (call.destroyed || call.closed) break
      call.write('x')
    }
    expect(await status).toBe('4')
    await cutOff(server, 'its request came too slowly')
    expect(await server.predict(10)).toHaveProperty('answer')
  })

  test('a message at a fair speed, longer than the patience, is answered', async () => {
    const server = await start('--client-timeout=1', '--min-request-rate=100')
    const call = await server.open()
    const status = statusOf(call)
    const bytes = request(600)
    for await (const at of ticks(100, { next: 0 })) {
      call.write(bytes.subarray(at.next, (at.next += 25)))
      if (at.next >= bytes.length) break
    }
    call.end()
    expect(await status).toBe('0')
  })

  test('nothing of its message is ended after request_timeout', async () => {
    const server = await start('--request-timeout=1')
    expect(await statusOf(await server.open())).toBe('4')
  })

  test('a deadline beyond all timers has none in practice', async () => {
    const server = await start()
    const call = await server.open({ 'grpc-timeout': '2592000S' })
    call.end(request(10))
    expect(await statusOf(call)).toBe('0')
  })
})

describe('a client that does not take its answer', () => {
  test('is cut off', async () => {
    const server = await start('--client-timeout=1')
    const call = await server.open()
    const closed = new Promise(resolve => call.once('close', resolve))
    call.pause()
    call.end(request(5_000_000))
    await cutOff(server, 'it did not take its answer')
    call.resume()
    await closed
    expect(call.rstCode).toBe(constants.NGHTTP2_CANCEL)
    expect(await server.predict(10)).toHaveProperty('answer')
  })

  test('holds its answer against the next requests, until it has left', async () => {
    const server = await start('--max-inflight-bytes=5000000')
    const call = await server.open()
    call.pause()
    call.end(request(2_000_000))
    await waitFor('the budget to be taken', async () => codeOf(await server.predict(2_000_000)) === 8)
    expect(await server.predict(10)).toHaveProperty('answer')
    call.close(constants.NGHTTP2_CANCEL)
    await waitFor('room', async () => codeOf(await server.predict(2_000_000)) === 0)
  })
})

describe('half a message', () => {
  test('counts as what the server holds, until its call is over', async () => {
    const server = await start('--max-inflight-bytes=1000000')
    const call = await server.open()
    await arrived(call, request(800_000).subarray(0, 700_000))
    expect(await server.predict(450_000)).toEqual({
      code: 8,
      details: expect.stringContaining('retry later'),
    })
    expect(await server.predict(10)).toHaveProperty('answer')
    call.close(constants.NGHTTP2_CANCEL)
    await waitFor('room', async () => codeOf(await server.predict(450_000)) === 0)
  })

  test('that there is no more room for is refused before it is whole', async () => {
    const server = await start('--max-inflight-bytes=1000000')
    const call = await server.open()
    const status = statusOf(call)
    call.write(request(2_000_000).subarray(0, 1_500_000))
    expect(await status).toBe('8')
    await waitFor('room', async () => codeOf(await server.predict(450_000)) === 0)
  })
})

test('a stream that has answered already is reset when its next message finds no room', async () => {
  const server = await start('--max-inflight-bytes=1000000')
  const { ModelInfer } = GRPCInferenceService.methods
  const message = (bytes: number) => {
    const contents = { bytes_contents: [Buffer.alloc(bytes, 'x')] }
    const inputs = [{ name: 'data', datatype: 'BYTES', shape: [1n], contents }]
    return framed(ModelInfer.request.encode({ model_name: 'busy', inputs }))
  }
  const session = await connectHttp2(server.server.grpc?.inference)
  const stream = openCall(session, 'inference.GRPCInferenceService/ModelStreamInfer')
  const closed = new Promise(resolve => stream.once('close', resolve))
  stream.write(message(10))
  await new Promise(resolve => stream.once('data', resolve))
  stream.write(message(2_000_000).subarray(0, 1_500_000))
  await closed
  expect(stream.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM)
  await waitFor('room', async () => codeOf(await server.predict(450_000)) === 0)
})

test('a stream holds the requests that are not answered yet, and no others', async () => {
  const server = await start('--max-inflight-bytes=1000000')
  const client = new GrpcClient(server.server.grpc?.inference ?? '')
  onTestFinished(() => client.close())
  const stream = client.openStream('inference.GRPCInferenceService/ModelStreamInfer')
  const contents = { bytes_contents: [Buffer.alloc(200_000, 'x')] }
  const inputs = [{ name: 'data', datatype: 'BYTES', shape: ['1'], contents }]
  for (let count = 0; count < 10; count++) {
    expect(await stream.ask({ model_name: 'busy', id: `${count}`, inputs })).toMatchObject({
      infer_response: { id: `${count}` },
    })
  }
  expect(await server.predict(450_000)).toHaveProperty('answer')
  stream.cancel()
})

test('connections above max_connections are closed at once, those below serve on', async () => {
  const server = await start('--max-connections=2')
  const call = await server.open()
  await server.predict(10)
  const [host, port] = (server.server.grpc?.inference ?? '').split(':')
  const third = connect(Number(port), host)
  third.on('error', () => {})
  third.resume()
  await new Promise(resolve => third.once('close', resolve))
  await logged(server, 'the limit', ({ msg }) => msg === 'Connections are refused: there are max_connections')
  call.end(request(10))
  expect(await statusOf(call)).toBe('0')
})
