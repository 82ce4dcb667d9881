/** Calls over gRPC whose clients leave in the middle, or send what is no request. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { constants, type ClientHttp2Session } from 'node:http2'
import { GRPCInferenceService } from '../../src/grpc/services-open-inference.ts'
import { GrpcClient } from '../support/grpc.ts'
import { connectHttp2, framed, openCall } from '../support/grpc-wire.ts'
import { startOpenInference, type OpenInferenceServer } from '../support/open-inference.ts'
import { logged } from '../support/server.ts'

const OIP = 'inference.GRPCInferenceService'

let server: OpenInferenceServer
let client: GrpcClient

beforeAll(async () => {
  server = await startOpenInference(['--models', 'rows.onnx,id_int8.onnx', '--max-response-size', '2000'])
  client = new GrpcClient(server.server.grpc?.inference ?? '')
})

afterAll(async () => {
  client.close()
  await server.stop()
  await server.store.remove()
})

const request = {
  model_name: 'rows',
  id: '1',
  inputs: [{ name: 'x', datatype: 'FP32', shape: ['1', '2'] }],
  raw_input_contents: [Buffer.from(Float32Array.of(1, 2).buffer)],
}

const open = () => connectHttp2(server.server.grpc?.inference)

function ask(session: ClientHttp2Session, method: string) {
  const stream = openCall(session, `${OIP}/${method}`)
  stream.resume()
  return stream
}

const rows = GRPCInferenceService.methods.ModelInfer.request.encode({
  model_name: 'rows',
  inputs: [{ name: 'x', datatype: 'FP32', shape: [1n, 2n] }],
  raw_input_contents: request.raw_input_contents,
})

test('a connection that is cut in the middle of a message is forgotten', async () => {
  const session = await open()
  const stream = ask(session, 'ModelInfer')
  await new Promise<void>(resolve => stream.write(framed(rows).subarray(0, 20), () => resolve()))
  await client.ask(`${OIP}/ServerLive`)
  session.destroy()
  await logged(
    server,
    'a call without its request',
    ({ msg, url }) => msg.startsWith('A call ended before its request') && url === `/${OIP}/ModelInfer`,
  )
  expect(await client.call(`${OIP}/ModelInfer`, request)).toHaveProperty('answer')
})

test('a stream that its client cancels is over here as well', async () => {
  const stream = client.openStream(`${OIP}/ModelStreamInfer`)
  expect(await stream.ask(request)).toMatchObject({ infer_response: { id: '1' } })
  stream.cancel()
  expect(await stream.code).toBe(1)
  const line = await logged(
    server,
    'the cancelled stream',
    ({ url, status }) => url === `/${OIP}/ModelStreamInfer` && status === 1,
  )
  expect(line.msg).toBe('access')
})

test('a stream answers what came before a message that is none, and ends', async () => {
  const session = await open()
  const stream = ask(session, 'ModelStreamInfer')
  let answered = 0
  stream.on('data', (bytes: Buffer) => (answered += bytes.length))
  const status = new Promise(resolve => stream.on('trailers', trailers => resolve(trailers['grpc-status'])))
  stream.end(Buffer.concat([framed(rows), framed(Buffer.from([0x0b, 0xff]))]))
  expect(await status).toBe('3')
  expect(answered).toBeGreaterThan(0)
})

test('streams that are opened and reset as fast as can be do no harm', async () => {
  const session = await open()
  const bytes = framed(rows)
  for (let count = 0; count < 3000 && !session.closed && !session.destroyed; count++) {
    const stream = ask(session, 'ModelStreamInfer')
    stream.write(bytes)
    stream.close(constants.NGHTTP2_CANCEL)
    if (count % 200 === 0) await new Promise(setImmediate)
  }
  expect(await client.call(`${OIP}/ModelInfer`, request)).toHaveProperty('answer')
  expect(server.server.registry.resolve('rows', undefined).queueLength).toBeLessThan(100)
})

test('an answer that has grown above max_response_size as typed contents is refused, raw it is not', async () => {
  const head = { name: 'x', datatype: 'INT8', shape: ['1', '1000'] }
  const contents = { int_contents: Array.from({ length: 1000 }, () => -1) }
  // A negative number of one byte is one of ten as an int32 of protobuf.
  expect(
    await client.call(`${OIP}/ModelInfer`, { model_name: 'id_int8', inputs: [{ ...head, contents }] }),
  ).toEqual({
    code: 8,
    details: expect.stringMatching(/^The answer has 10\d\d\d bytes, max_response_size is 2000/),
  })
  const raw = { model_name: 'id_int8', inputs: [head], raw_input_contents: [Buffer.alloc(1000, 255)] }
  expect(await client.call(`${OIP}/ModelInfer`, raw)).toHaveProperty('answer')
})
