/** Who gets in over gRPC, by which connection, and what the tools of others find there. */
import { constants, connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { connect } from 'node:net'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { credentials } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { GrpcClient, type Outcome } from '../support/grpc.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

const PING = 'org.pytorch.serve.grpc.inference.InferenceAPIsService/Ping'
const LIST = 'org.pytorch.serve.grpc.management.ManagementAPIsService/ListModels'
const LIVE = 'inference.GRPCInferenceService/ServerLive'
const HEALTH = 'grpc.health.v1.Health'
const tls = join(import.meta.dirname, '../fixtures/tls')

let store: ModelStore

beforeAll(async () => {
  store = await makeStore()
  await store.addDigits()
})
afterAll(() => store.remove())

async function start(...flags: string[]): Promise<TestServer> {
  const server = await startTestServer(store, flags)
  onTestFinished(() => server.stop())
  return server
}

function clientOf(server: TestServer, api: 'inference' | 'management' = 'inference'): GrpcClient {
  const client = new GrpcClient(server.server.grpc?.[api] ?? '')
  onTestFinished(() => client.close())
  return client
}

function codeOf(outcome: Outcome): number {
  return 'code' in outcome ? outcome.code : 0
}

describe('keys', () => {
  test('are asked for in the metadata, one for each API; health needs none', async () => {
    const keyFile = join(store.dir, 'keys.json')
    const server = await start('--disable-token-authorization=false', `--key-file=${keyFile}`)
    const keys = JSON.parse(await readFile(keyFile, 'utf8')) as Record<
      'inference' | 'management',
      { key: string }
    >
    const inference = clientOf(server)
    const management = clientOf(server, 'management')
    const bearer = (kind: keyof typeof keys) => ({ metadata: { authorization: `Bearer ${keys[kind].key}` } })
    expect(await inference.call(PING, {})).toEqual({
      code: 7,
      details: expect.stringMatching(
        /^Token Authorization failed\. Token either incorrect, expired, or not provided/,
      ),
    })
    expect(codeOf(await inference.call(LIVE, {}, bearer('management')))).toBe(7)
    expect(codeOf(await inference.call(LIVE, {}, bearer('inference')))).toBe(0)
    expect(codeOf(await inference.call(PING, {}, bearer('inference')))).toBe(0)
    expect(codeOf(await management.call(LIST, {}, bearer('inference')))).toBe(7)
    expect(codeOf(await management.call(LIST, {}, bearer('management')))).toBe(0)
    expect(await inference.ask(`${HEALTH}/Check`)).toEqual({ status: 'SERVING' })
  })

  test('guard management where only its gRPC address can be reached from elsewhere', async () => {
    const keyFile = join(store.dir, 'keys.json')
    const server = await start('--grpc-management-address=0.0.0.0', `--key-file=${keyFile}`)
    const port = server.server.grpc?.management.split(':')[1]
    const management = new GrpcClient(`127.0.0.1:${port}`)
    onTestFinished(() => management.close())
    expect(codeOf(await management.call(LIST, {}))).toBe(7)
    expect(codeOf(await clientOf(server).call(PING, {}))).toBe(0)
  })
})

describe('addresses', () => {
  test('of both APIs can be one', async () => {
    const port = await freePort()
    const server = await start(`--grpc-inference-port=${port}`, `--grpc-management-port=${port}`)
    const client = clientOf(server)
    expect(codeOf(await client.call(PING, {}))).toBe(0)
    expect(codeOf(await client.call(LIST, {}))).toBe(0)
  })

  test('that something has already stop the start, and leave nothing behind', async () => {
    const { server } = await start()
    const port = server.grpc?.inference.split(':')[1]
    await expect(startTestServer(store, [`--grpc-management-port=${port}`])).rejects.toThrow(
      `Cannot listen for gRPC on 127.0.0.1:${port}: something listens there already.`,
    )
  })

  test('are not there with enable_grpc=false', async () => {
    expect((await start('--enable-grpc=false')).server.grpc).toBeUndefined()
  })
})

describe('TLS', () => {
  const pem = [`--certificate-file=${join(tls, 'cert.pem')}`, `--private-key-file=${join(tls, 'key.pem')}`]

  test('lets those in who know the certificate, and nobody without TLS', async () => {
    const server = await start('--enable-grpc-ssl', ...pem)
    const port = server.server.grpc?.inference.split(':')[1]
    const keys = credentials.createSsl(await readFile(join(tls, 'cert.pem')))
    const client = new GrpcClient(`localhost:${port}`, {}, keys)
    onTestFinished(() => client.close())
    expect(await client.ask(LIVE)).toEqual({ live: true })
    const inFortyDays = Date.now() + 40 * 24 * 3_600_000
    expect(await client.ask(LIVE, {}, { deadline: inFortyDays })).toEqual({ live: true })
    const plain = clientOf(server)
    expect(codeOf(await plain.call(LIVE, {}, { deadline: Date.now() + 2000 }))).not.toBe(0)
    expect(await client.ask(LIVE)).toEqual({ live: true })
  })
})

describe('health', () => {
  test('knows the server, its services and no others', async () => {
    const client = clientOf(await start())
    for (const service of ['', 'inference.GRPCInferenceService', PING.split('/')[0]]) {
      expect(await client.ask(`${HEALTH}/Check`, { service })).toEqual({ status: 'SERVING' })
    }
    expect(codeOf(await client.call(`${HEALTH}/Check`, { service: 'nobody' }))).toBe(5)
  })

  test('tells those who watch that the server stops, and does not wait for them', async () => {
    const server = await startTestServer(store)
    const client = new GrpcClient(server.server.grpc?.inference ?? '')
    const watching = client.stream(`${HEALTH}/Watch`, [{ service: '' }])
    expect(await client.ask(`${HEALTH}/Check`)).toEqual({ status: 'SERVING' })
    await server.stop()
    expect(await watching).toEqual({ code: 0, messages: [{ status: 'SERVING' }, { status: 'NOT_SERVING' }] })
    client.close()
  })
})

describe('reflection', () => {
  test.each(['v1', 'v1alpha'])('%s lists the services and gives their files', async version => {
    const client = clientOf(await start())
    const { messages, code } = await client.stream(
      `grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      [
        { list_services: '' },
        { file_containing_symbol: 'inference.GRPCInferenceService' },
        { file_by_filename: 'google/protobuf/any.proto' },
        { file_containing_symbol: 'nobody' },
        {},
      ],
    )
    expect(code).toBe(0)
    expect(messages).toMatchObject([
      {
        list_services_response: {
          service: expect.arrayContaining([{ name: 'inference.GRPCInferenceService' }]),
        },
      },
      { file_descriptor_response: { file_descriptor_proto: [expect.any(Buffer)] } },
      { file_descriptor_response: { file_descriptor_proto: [expect.any(Buffer)] } },
      { error_response: { error_code: 5, error_message: 'There is no nobody here.' } },
      { error_response: { error_code: 3 } },
    ])
  })
})

describe('connections', () => {
  test('that are too old are closed without a call being lost', async () => {
    const server = await start('--grpc-inference-max-connection-age-ms=100')
    const client = clientOf(server)
    const peers = new Set<unknown>()
    await waitFor('a second connection', async () => {
      expect(codeOf(await client.call(LIVE, {}))).toBe(0)
      for (const { msg, client: peer } of server.log) if (msg === 'access') peers.add(peer)
      return peers.size > 1
    })
  })

  test('that open and reset calls as fast as they can do no harm', async () => {
    const server = await start()
    const session = await openHttp2(server)
    for (let count = 0; count < 5000 && !session.closed && !session.destroyed; count++) {
      const stream = session.request(headersOf(LIVE))
      stream.on('error', () => {})
      stream.close(constants.NGHTTP2_CANCEL)
      if (count % 500 === 0) await new Promise(setImmediate)
    }
    expect(await clientOf(server).ask(LIVE)).toEqual({ live: true })
    session.destroy()
  })

  test.each([
    ['a frame that says it is longer than it is', Buffer.from([0, 0, 0, 0, 99, 1]), undefined],
    ['a length of 4 GB', Buffer.from([0, 255, 255, 255, 255, 1]), '8'],
    ['bytes that are no message', Buffer.from([0, 0, 0, 0, 2, 0x0b, 0xff]), '3'],
    ['bytes that are not packed as they say', Buffer.from([1, 0, 0, 0, 2, 1, 2]), '13'],
  ])('that send %s get a status, and the next call works', async (_what, body, status) => {
    const server = await start()
    const session = await openHttp2(server)
    const stream = session.request({
      ...headersOf('inference.GRPCInferenceService/ModelInfer'),
      'grpc-encoding': 'gzip',
    })
    const told = new Promise(resolve => {
      stream.on(
        'response',
        headers => headers['grpc-status'] !== undefined && resolve(headers['grpc-status']),
      )
      stream.on('trailers', trailers => resolve(trailers['grpc-status']))
      stream.on('close', () => resolve(undefined))
    })
    stream.on('error', () => {})
    stream.on('data', () => {})
    stream.end(body)
    if (status !== undefined) expect(await told).toBe(status)
    expect(await clientOf(server).ask(LIVE)).toEqual({ live: true })
    session.destroy()
  })

  test('that speak something else are closed', async () => {
    const server = await start()
    const [host = '', port] = (server.server.grpc?.inference ?? '').split(':')
    const socket = connect(Number(port), host)
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    socket.resume()
    await new Promise(resolve => socket.on('close', resolve))
    expect(await clientOf(server).ask(LIVE)).toEqual({ live: true })
  })
})

const headersOf = (method: string) => ({
  ':method': 'POST',
  ':path': `/${method}`,
  'content-type': 'application/grpc',
  te: 'trailers',
})

async function openHttp2(server: TestServer): Promise<ClientHttp2Session> {
  const session = connectHttp2(`http://${server.server.grpc?.inference}`)
  session.on('error', () => {})
  await new Promise(resolve => session.once('connect', resolve))
  return session
}

async function freePort(): Promise<number> {
  const server = await startTestServer(store)
  const port = Number(server.server.grpc?.inference.split(':')[1])
  await server.stop()
  return port
}
