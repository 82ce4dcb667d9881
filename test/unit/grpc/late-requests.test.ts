import type { ClientHttp2Stream } from 'node:http2'
import * as grpc from '@grpc/grpc-js'
import { expect, onTestFinished, test } from 'vitest'
import { dropLate } from '../../../src/grpc/late-requests.ts'
import { connectHttp2, openCall, statusOf } from '../../support/grpc-wire.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent }
const asIs = (bytes: Buffer) => bytes
const method = (path: string, isStream: boolean) => ({
  path,
  requestStream: isStream,
  responseStream: isStream,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
})
const WHOLE = Buffer.from([0, 0, 0, 0, 1, 7])

/** A server that gives back what it gets, and waits a moment for requests. */
async function open(path: string): Promise<ClientHttp2Stream> {
  const server = new grpc.Server({ interceptors: [dropLate(grpc, silent, 50)] })
  server.addService(
    { One: method('/s/One', false), Many: method('/s/Many', true) },
    {
      One: (call: grpc.ServerUnaryCall<Buffer, Buffer>, send: grpc.sendUnaryData<Buffer>) =>
        send(null, call.request),
      Many: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
        call.on('data', (bytes: Buffer) => call.write(bytes))
        call.on('end', () => call.end())
      },
    },
  )
  const keys = grpc.ServerCredentials.createInsecure()
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', keys, (error, bound) => (error === null ? resolve(bound) : reject(error)))
  })
  onTestFinished(() => server.forceShutdown())
  return openCall(await connectHttp2(`127.0.0.1:${port}`), path)
}

test.each([
  ['says nothing', Buffer.of()],
  ['stops in the middle of its message', WHOLE.subarray(0, 5)],
  ['does not say that its one message is all', WHOLE],
])('a call whose client %s is ended', async (_what, bytes) => {
  const stream = await open('s/One')
  stream.write(bytes)
  expect(await statusOf(stream)).toBe('4')
})

test('a stream may be silent after its first message', async () => {
  const stream = await open('s/Many')
  stream.write(WHOLE)
  const status = statusOf(stream)
  await new Promise(resolve => stream.once('data', resolve))
  const other = await open('s/One')
  // By then the time of the stream is over as well.
  expect(await statusOf(other)).toBe('4')
  stream.end(WHOLE)
  expect(await status).toBe('0')
})
