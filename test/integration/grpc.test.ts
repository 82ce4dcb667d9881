/** The gRPC services of a real server, asked by grpc-js with the files of proto/. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GrpcClient } from '../support/grpc.ts'
import { BUSY, PARAMETERS } from '../support/handlers.ts'
import { digitPng, probabilitiesOf, recordedDigits } from '../support/http.ts'
import { fraudOnnx, makeStore, type ModelStore } from '../support/model-store.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

const TS = 'org.pytorch.serve.grpc.inference.InferenceAPIsService'
const MANAGEMENT = 'org.pytorch.serve.grpc.management.ManagementAPIsService'
const OIP = 'inference.GRPCInferenceService'
const CLASSES = 'org.pytorch.serve.archive.model'

let store: ModelStore
let server: TestServer
let inference: GrpcClient
let management: GrpcClient

beforeAll(async () => {
  store = await makeStore()
  await store.addDigits()
  await store.addHandler('parameters', { handler: PARAMETERS })
  await store.addHandler('busy', { handler: BUSY, config: 'batchSize: 1\njobQueueSize: 2\n' })
  await store.addHandler('status', {
    handler: `export default {
      preprocess: () => ({}), inference: batch => batch,
      postprocess: (_output, { context }) => { throw Object.assign(new Error('unused'), {}) },
    }`,
  })
  await store.addOnnx('fraud', fraudOnnx)
  server = await startTestServer(store, ['--enable-model-api', '--max-request-size', '100000'])
  inference = new GrpcClient(server.server.grpc?.inference ?? '')
  management = new GrpcClient(server.server.grpc?.management ?? '')
})

afterAll(async () => {
  inference.close()
  management.close()
  await server.stop()
  await store.remove()
})

const text = (answer: unknown): string => String(Reflect.get(Object(answer), 'prediction'))
const said = (answer: unknown): string => String(Reflect.get(Object(answer), 'msg'))

describe('TorchServe’s inference service', () => {
  test('answers a ping with the text of /ping', async () => {
    expect(await inference.ask(`${TS}/Ping`)).toEqual({ health: '{\n  "status": "Healthy"\n}' })
  })

  test('predicts as PyTorch did', async () => {
    const [digit] = recordedDigits()
    if (digit === undefined) throw new Error('There are no recorded digits')
    const input = { data: digitPng(digit.file) }
    const answer = await inference.ask(`${TS}/Predictions`, {
      model_name: 'digits',
      model_version: '1.0',
      input,
    })
    const probabilities = probabilitiesOf(JSON.parse(text(answer)))
    probabilities.forEach((one, index) => expect(one).toBeCloseTo(digit.probabilities[index] ?? 0, 4))
  })

  test('hands each entry of the input to the handler as bytes, and the metadata as headers', async () => {
    const input = { data: Buffer.from('1'), __proto__x: Buffer.from('2') }
    const answer = await inference.ask(
      `${TS}/Predictions`,
      { model_name: 'parameters', input },
      { metadata: { 'x-mine': 'a' } },
    )
    expect(JSON.parse(text(answer))).toMatchObject({
      parameters: { data: 'bytes:1', __proto__x: 'bytes:2' },
      headers: { 'x-mine': 'a', url_path: '', explain: 'False' },
    })
  })

  test('gives a stream of one answer, and to a stream of requests one answer each', async () => {
    const request = { model_name: 'parameters', input: { data: Buffer.from('1') }, sequence_id: 's' }
    const one = await inference.stream(`${TS}/StreamPredictions`, [request])
    expect(one).toMatchObject({ code: 0, messages: [{ sequence_id: 's' }] })
    const unknown = { ...request, model_name: 'nobody', sequence_id: 't' }
    const many = await inference.stream(`${TS}/StreamPredictions2`, [request, unknown, request])
    expect(many).toMatchObject({
      code: 0,
      messages: [
        { sequence_id: 's' },
        {
          sequence_id: 't',
          status: { code: 5, message: `Model not found: nobody\n${CLASSES}.ModelNotFoundException` },
        },
        { sequence_id: 's' },
      ],
    })
  })

  test.each([
    [{ model_name: 'nobody' }, 5, `Model not found: nobody\n${CLASSES}.ModelNotFoundException`],
    [
      { model_name: 'digits', model_version: '9' },
      5,
      `Model version: 9 does not exist for model: digits\n${CLASSES}.ModelVersionNotFoundException`,
    ],
    [{}, 3, 'Parameter model_name is required.\nBadRequestException.()'],
  ])('refuses %j', async (request, code, details) => {
    expect(await inference.call(`${TS}/Predictions`, request)).toEqual({ code, details })
  })

  test('a name without an end stays short in the answer', async () => {
    const outcome = await inference.call(`${TS}/Predictions`, { model_name: 'é'.repeat(20_000) })
    expect(outcome).toMatchObject({
      code: 5,
      details: expect.stringMatching(/^Model not found: é{700,800}…$/),
    })
  })

  test('a handler that fails is an INTERNAL with TorchServe’s text', async () => {
    expect(await inference.call(`${TS}/Predictions`, { model_name: 'status' })).toMatchObject({ code: 13 })
  })
})

describe('time and space', () => {
  const busy = (ms: number) => ({ metadata: { 'x-busy-ms': String(ms) } })
  const work = { model_name: 'busy', input: { data: Buffer.from('x') } }
  const idle = () => server.server.registry.resolve('busy', undefined).queueLength === 0

  test('a deadline ends a call, and what still waits in the queue is dropped', async () => {
    const running = inference.call(`${TS}/Predictions`, work, busy(600))
    await waitFor('the worker to begin', idle)
    const late = await inference.call(`${TS}/Predictions`, work, { ...busy(0), deadline: Date.now() + 100 })
    expect(late).toMatchObject({ code: 4 })
    expect(await running).toHaveProperty('answer')
    await waitFor('the queue to be empty', idle)
  })

  test('a deadline that has passed before is one at once', async () => {
    const outcome = await inference.call(`${TS}/Predictions`, work, { deadline: Date.now() - 1000 })
    expect(outcome).toMatchObject({ code: 4 })
  })

  test('a full queue is RESOURCE_EXHAUSTED, and a cancelled call makes room', async () => {
    const running = inference.call(`${TS}/Predictions`, work, busy(800))
    await waitFor('the worker to begin', idle)
    const leaving = new AbortController()
    const waiting = [1, 2].map(() =>
      inference.call(`${TS}/Predictions`, work, { ...busy(0), signal: leaving.signal }),
    )
    await waitFor(
      'the queue to be full',
      () => server.server.registry.resolve('busy', undefined).queueLength === 2,
    )
    expect(await inference.call(`${TS}/Predictions`, work)).toMatchObject({
      code: 8,
      details: expect.stringMatching(
        /has no worker to serve[^]*\nInternalServerException\.\(\)\n2 requests wait/,
      ),
    })
    leaving.abort()
    for (const outcome of await Promise.all(waiting)) expect(outcome).toMatchObject({ code: 1 })
    // The client knows of its leaving at once, the server a moment later.
    await waitFor('room', async () => 'answer' in (await inference.call(`${TS}/Predictions`, work)))
    expect(await running).toHaveProperty('answer')
  })

  test('a message above max_request_size is RESOURCE_EXHAUSTED, packed small or not', async () => {
    const large = { model_name: 'parameters', input: { data: Buffer.alloc(100_001) } }
    expect(await inference.call(`${TS}/Predictions`, large)).toMatchObject({ code: 8 })
    const packing = new GrpcClient(server.server.grpc?.inference ?? '', {
      'grpc.default_compression_algorithm': 2,
    })
    expect(await packing.call(`${TS}/Predictions`, large)).toMatchObject({ code: 8 })
    const small = { model_name: 'parameters', input: { data: Buffer.alloc(1000) } }
    expect(await packing.call(`${TS}/Predictions`, small)).toHaveProperty('answer')
    packing.close()
  })
})

describe('TorchServe’s management service', () => {
  test('registers, scales, describes, lists and unregisters', async () => {
    const url = 'fraud.onnx'
    const registered = await management.ask(`${MANAGEMENT}/RegisterModel`, {
      url,
      model_name: 'mine',
      initial_workers: 1,
      synchronous: true,
    })
    expect(said(registered)).toBe('Model "mine" Version: 1.0 registered with 1 initial workers')
    const scale = { model_name: 'mine', min_worker: 2 }
    expect(said(await management.ask(`${MANAGEMENT}/ScaleWorker`, scale))).toBe(
      'Processing worker updates...',
    )
    const done = await management.ask(`${MANAGEMENT}/ScaleWorker`, { ...scale, synchronous: true })
    expect(said(done)).toBe('Workers scaled to 2 for model: mine')
    const described: unknown = JSON.parse(
      said(await management.ask(`${MANAGEMENT}/DescribeModel`, { model_name: 'mine', model_version: 'all' })),
    )
    expect(described).toMatchObject([{ modelName: 'mine', minWorkers: 2, workers: [{}, {}] }])
    const page: unknown = JSON.parse(said(await management.ask(`${MANAGEMENT}/ListModels`, { limit: 1 })))
    expect(page).toEqual({ nextPageToken: '1', models: [{ modelName: 'busy', modelUrl: 'busy-1.0' }] })
    const setting = { model_name: 'mine', model_version: '1.0' }
    expect(said(await management.ask(`${MANAGEMENT}/SetDefault`, setting))).toBe(
      'Default version successfully updated for model "mine" to "1.0"',
    )
    expect(said(await management.ask(`${MANAGEMENT}/UnregisterModel`, { model_name: 'mine' }))).toBe(
      'Model "mine" unregistered',
    )
    expect(await management.call(`${MANAGEMENT}/DescribeModel`, { model_name: 'mine' })).toMatchObject({
      code: 5,
    })
  })

  test('lists nothing where no limit is given, as TorchServe', async () => {
    const page: unknown = JSON.parse(said(await management.ask(`${MANAGEMENT}/ListModels`)))
    expect(page).toEqual({ nextPageToken: '0', models: [] })
  })

  test.each([
    ['RegisterModel', {}, 3, /^Parameter url is required\.\norg\.pytorch\.serve\.http\.BadRequestException/],
    ['RegisterModel', { url: 'none.mar' }, 5, /^Model not found at: none\.mar\n.*ModelNotFoundException/],
    [
      'RegisterModel',
      { url: 'fraud.onnx', model_name: 'x', runtime: 'java' },
      3,
      /^Invalid RuntimeType value: java/,
    ],
    ['RegisterModel', { url: 'http://127.0.0.1:1/a.mar' }, 5, /./],
    ['RegisterModel', { url: 'digits.mar' }, 6, /is already registered/],
    ['ScaleWorker', { model_name: 'digits', min_worker: 3, max_worker: 1 }, 3, /^max_worker cannot be less/],
    ['ScaleWorker', {}, 3, /^Parameter model_name is required/],
    ['SetDefault', { model_name: 'digits', model_version: '7' }, 5, /^Model version 7 does not exist/],
    ['SetDefault', { model_name: 'digits' }, 3, /^Parameter model_version is required/],
    ['UnregisterModel', { model_name: 'nobody' }, 5, /^Model not found: nobody/],
    ['DescribeModel', { model_name: 'nobody' }, 5, /^Model not found: nobody/],
  ] as const)('refuses %s %j', async (method, request, code, details) => {
    expect(await management.call(`${MANAGEMENT}/${method}`, request)).toEqual({
      code,
      details: expect.stringMatching(details),
    })
  })

  test('is not on the port of the inference services', async () => {
    expect(await inference.call(`${MANAGEMENT}/ListModels`, {})).toMatchObject({ code: 12 })
    expect(await management.call(`${OIP}/ServerLive`, {})).toMatchObject({ code: 12 })
  })
})

test('each call is a line in the access log', async () => {
  await inference.call(`${TS}/Predictions`, { model_name: 'somebody' })
  const line = await waitFor('the line', () =>
    server.log.findLast(({ method, status }) => method === 'gRPC' && status === 5),
  )
  expect(line).toMatchObject({
    msg: 'access',
    url: `/${TS}/Predictions`,
    client: expect.stringContaining('127.0.0.1'),
  })
})
