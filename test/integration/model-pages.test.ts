import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PARAMETERS } from '../support/handlers.ts'
import { jsonOf } from '../support/http.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

let store: ModelStore
let server: TestServer

beforeAll(async () => {
  store = await makeStore()
  await store.addDigits()
  await store.addHandler('parameters', { handler: PARAMETERS })
  server = await startTestServer(store)
})
afterAll(async () => {
  await server.stop()
  await store.remove()
})

describe('the list of models', () => {
  const list = async (query: string) => (await fetch(`${server.management}/models${query}`)).json()
  const digits = { modelName: 'digits', modelUrl: 'digits.mar' }
  const parameters = { modelName: 'parameters', modelUrl: 'parameters-1.0' }

  test.each([
    ['', { models: [digits, parameters] }],
    ['?limit=1', { nextPageToken: '1', models: [digits] }],
    ['?limit=1&next_page_token=1', { nextPageToken: '2', models: [parameters] }],
    ['?limit=2', { nextPageToken: '2', models: [digits, parameters] }],
    ['?limit=0', { nextPageToken: '0', models: [] }],
    ['?limit=-1', { models: [digits, parameters] }],
    ['?limit=many&next_page_token=x', { models: [digits, parameters] }],
    ['?next_page_token=-5', { models: [digits, parameters] }],
    ['?next_page_token=99', { models: [] }],
  ])('%s', async (query, expected) => {
    expect(await list(query)).toEqual(expected)
  })
})

describe('the description of a model', () => {
  test('has TorchServe’s fields in its order, then ours', async () => {
    const response = await fetch(`${server.management}/models/digits/1.0`)
    const [model] = (await response.json()) as [Record<string, unknown>]
    expect(Object.keys(model).slice(0, 26).join(' ')).toBe(
      'modelName modelVersion modelUrl runtime minWorkers maxWorkers batchSize maxBatchDelay responseTimeout ' +
        'startupTimeout maxRetryTimeoutInSec clientTimeoutInMills parallelType parallelLevel deviceType ' +
        'continuousBatching useJobTicket useVenv stateful sequenceMaxIdleMSec sequenceTimeoutMSec ' +
        'maxNumSequence maxSequenceJobQueueSize loadedAtStartup workers jobQueueStatus',
    )
    expect(model).toMatchObject({
      modelName: 'digits',
      modelVersion: '1.0',
      modelUrl: 'digits.mar',
      loadedAtStartup: true,
      state: 'ready',
      workers: [{ status: 'READY', gpu: false, gpuUsage: 'N/A', state: 'ready' }],
      jobQueueStatus: { remainingCapacity: 100, pendingRequests: 0 },
    })
  })

  test.each([
    ['/models/unknown', 'ModelNotFoundException', 'Model not found: unknown'],
    ['/models/unknown/all', 'ModelNotFoundException', 'Model not found: unknown'],
    [
      '/models/digits/9.9',
      'ModelVersionNotFoundException',
      'Model version: 9.9 does not exist for model: digits',
    ],
  ])('%s is not found', async (path, type, message) => {
    expect(await jsonOf(await fetch(server.management + path))).toEqual({
      status: 404,
      body: { code: 404, type, message },
    })
  })
})
