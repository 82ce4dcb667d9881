import { expect, test } from 'vitest'
import { bytesOf, retryAfterS, toFailure } from '../../../src/models/refusal.ts'
import { itemOf } from '../../support/load-order.ts'

const facts = { model: 'm', asked: undefined, waiting: 7 }
const settings = {
  minWorkers: 1,
  maxWorkers: 1,
  batchSize: 1,
  isBatchSizeGiven: true,
  areWorkersFree: false,
  maxBatchDelayMs: 0,
  jobQueueSize: 7,
  responseTimeoutMs: 1,
  startupTimeoutMs: 1,
  giveUpMs: 1,
  mayRetry: true,
  clientTimeoutMs: Infinity,
  maxQueueWaitMs: Infinity,
  jobQueueBytes: 100,
  preferredBatchSizes: [],
}

test.each([
  ['queue_full', '7 requests wait and jobQueueSize is 7.'],
  ['queue_bytes', 'The requests that wait and this one have more bytes than jobQueueBytes, which is 100.'],
  ['expected_wait', 'It would wait for about 2500 ms, which is longer than it may.'],
] as const)('%s is a 503 that says why and when to come back', (refused, reason) => {
  expect(toFailure({ refused, waitMs: 2499.5 }, { ...facts, settings })).toMatchObject({
    code: 'QUEUE_FULL',
    http: 503,
    reason,
    retryAfterS: 3,
  })
})

test('a deadline that has passed is a 504', () => {
  expect(toFailure({ refused: 'deadline', waitMs: 0 }, { ...facts, settings })).toMatchObject({ http: 504 })
})

test('a retry is worth it after a second at the earliest, and after a minute at the latest', () => {
  expect([0, 1000, 1001, 1e9].map(retryAfterS)).toEqual([1, 1, 2, 60])
})

test('a request is as large as its bodies and tensors', () => {
  const item = itemOf('12345')
  const tensor = { name: 'x', datatype: 'INT8', shape: [3], data: new Uint8Array(3) } as const
  expect(bytesOf({ ...item, tensors: [tensor] })).toBe(8)
})
