/** What probes are told of a server, over HTTP and gRPC. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { join } from 'node:path'
import { GrpcClient } from '../support/grpc.ts'
import { jsonOf } from '../support/http.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

let store: ModelStore

beforeAll(async () => {
  store = await makeStore()
  await store.addDigits()
})
afterAll(() => store.remove())

async function start(of: ModelStore, ...flags: string[]): Promise<TestServer> {
  const server = await startTestServer(of, flags)
  onTestFinished(() => server.stop())
  return server
}

async function askOverGrpc(server: TestServer): Promise<unknown> {
  const client = new GrpcClient(server.server.grpc?.inference ?? '')
  onTestFinished(() => client.close())
  return client.ask('grpc.health.v1.Health/Check', { service: '' })
}

test('a server whose models serve is live and ready, and says how each model is', async () => {
  const server = await start(store)
  expect(await jsonOf(await fetch(`${server.inference}/health/live`))).toEqual({
    status: 200,
    body: { live: true },
  })
  expect(await jsonOf(await fetch(`${server.inference}/health/ready`))).toEqual({
    status: 200,
    body: {
      ready: true,
      draining: false,
      reasons: [],
      warnings: [],
      models: [
        {
          name: 'digits',
          version: '1.0',
          default: true,
          ready: true,
          state: 'ready',
          workers: { ready: 1, wanted: 1 },
        },
      ],
    },
  })
  expect((await fetch(`${server.inference}/health/ready`, { method: 'HEAD' })).status).toBe(200)
  expect((await fetch(`${server.inference}/health/live`, { method: 'POST' })).status).toBe(405)
  expect((await fetch(`${server.management}/health/live`)).status).toBe(404)
})

test('a model that does not load leaves the others served, and is told of', async () => {
  const broken = await makeStore()
  onTestFinished(() => broken.remove())
  await broken.addDigits()
  await broken.addFile('junk.onnx', 'this is no graph')
  const server = await start(broken)
  const { status, body } = await jsonOf(await fetch(`${server.inference}/health/ready`))
  expect(status).toBe(200)
  expect(body).toMatchObject({
    ready: true,
    reasons: [],
    warnings: [expect.stringMatching(/^Model junk 1\.0 is failed with 0 of 1 workers ready: \w/)],
    models: [
      { name: 'digits', ready: true },
      { name: 'junk', ready: false, state: 'failed' },
    ],
  })
  expect((await fetch(`${server.inference}/v2/health/ready`)).status).toBe(200)
  expect((await fetch(`${server.inference}/v2/models/junk/ready`)).status).toBe(503)
  expect(await askOverGrpc(server)).toEqual({ status: 'SERVING' })
})

test('a server of which no model loads is not ready, with the reason', async () => {
  const broken = await makeStore()
  onTestFinished(() => broken.remove())
  await broken.addHandler('broken', { handler: "throw new Error('no such vocabulary')" })
  const server = await start(broken)
  const { status, body } = await jsonOf(await fetch(`${server.inference}/health/ready`))
  expect(status).toBe(503)
  expect(body).toMatchObject({
    ready: false,
    draining: false,
    reasons: [
      expect.stringMatching(/^Model broken 1\.0 is failed with 0 of 1 workers ready: .*no such vocabulary/s),
    ],
    warnings: [],
    models: [{ name: 'broken', ready: false, state: 'failed', workers: { ready: 0, wanted: 1 } }],
  })
  expect((await fetch(`${server.inference}/v2/health/ready`)).status).toBe(503)
  expect((await fetch(`${server.inference}/v2/health/live`)).status).toBe(200)
  expect(await askOverGrpc(server)).toEqual({ status: 'NOT_SERVING' })
})

test('probes need no key, and where the API needs one they are not told of models', async () => {
  const keyFile = join(store.dir, 'keys.json')
  const server = await start(store, '--disable-token-authorization=false', `--key-file=${keyFile}`)
  expect((await fetch(`${server.inference}/ping`)).status).toBe(400)
  expect(await jsonOf(await fetch(`${server.inference}/health/ready`))).toEqual({
    status: 200,
    body: { ready: true, draining: false },
  })
})
