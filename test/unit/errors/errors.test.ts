import { describe, expect, test } from 'vitest'
import { failure, failureWith, listFailures, restoreFailure, toFailure } from '../../../src/errors.ts'

describe('every row', () => {
  test.each(listFailures())('$code: $http, gRPC $grpc, $type', ({ http, grpc, type }) => {
    expect(http).toBeGreaterThanOrEqual(400)
    expect(http).toBeLessThanOrEqual(599)
    expect(grpc).toBeGreaterThanOrEqual(1)
    expect(grpc).toBeLessThanOrEqual(16)
    expect(type).toMatch(/^[A-Z][A-Za-z]+Exception$/)
  })
})

const noWorker =
  'has no worker to serve inference request. Please use scale workers API to add workers. If this is a sequence ' +
  'inference, please check if it is closed, or expired; or exceeds maxSequenceJobQueueSize'

test.each([
  [failure('MODEL_NOT_FOUND', 'X'), 404, 'ModelNotFoundException', 'Model not found: X'],
  [
    failure('VERSION_NOT_FOUND', 'X', '2.0'),
    404,
    'ModelVersionNotFoundException',
    'Model version: 2.0 does not exist for model: X',
  ],
  [failure('NO_WORKER', 'X', undefined), 503, 'ServiceUnavailableException', `Model "X" ${noWorker}`],
  [
    failure('NO_WORKER', 'X', '2.0'),
    503,
    'ServiceUnavailableException',
    `Model "X" Version 2.0" ${noWorker}`,
  ],
  [failure('QUEUE_FULL', 'X', undefined), 503, 'ServiceUnavailableException', `Model "X" ${noWorker}`],
  [failure('PREDICTION_FAILED'), 503, 'InternalServerException', 'Prediction failed'],
  [failure('OUT_OF_MEMORY'), 507, 'InternalServerException', 'Out of resources'],
  [failure('HANDLER_STATUS', 'said so'), 500, 'InternalServerException', 'said so'],
  [failure('NOT_A_BATCH'), 503, 'InternalServerException', 'Invalid model predict output'],
  [failure('WRONG_BATCH_SIZE'), 503, 'InternalServerException', 'number of batch response mismatched'],
  [failure('UNSUPPORTED_OUTPUT'), 503, 'InternalServerException', 'Unsupported model output data type.'],
  [failure('WORKER_DIED'), 500, 'InternalServerException', 'Worker died.'],
  [failure('INVALID_HTTP'), 400, 'BadRequestException', 'Invalid HTTP message.'],
  [
    failure('HEADER_TOO_LARGE', 16),
    431,
    'RequestHeaderFieldsTooLargeException',
    'The header is larger than the 16 kB that are allowed.',
  ],
  [
    failure('ROUTE_NOT_FOUND'),
    404,
    'ResourceNotFoundException',
    'Requested resource is not found, please refer to API document.',
  ],
  [
    failure('METHOD_NOT_ALLOWED'),
    405,
    'MethodNotAllowedException',
    'Requested method is not allowed, please refer to API document.',
  ],
])('$code has TorchServe’s status, type and text', (failed, http, type, message) => {
  expect({ http: failed.http, type: failed.type, message: failed.message }).toEqual({ http, type, message })
})

test('a status that a handler chose replaces the row’s, and gRPC’s stays', () => {
  const failed = failureWith({ status: 418 }, 'HANDLER_STATUS', 'a teapot')
  expect([failed.http, failed.grpc]).toEqual([418, 13])
})

test('a failure of another process comes back the same', () => {
  const cause = 'Error: beside the model'
  const failed = restoreFailure('BAD_REQUEST', ['no image'], { cause })
  expect(failed).toMatchObject({ code: 'BAD_REQUEST', http: 400, message: 'no image', cause })
})

test('a failure travels unchanged, anything else becomes one that says nothing of its inside', () => {
  const failed = failure('MODEL_NOT_FOUND', 'X')
  expect(toFailure(failed)).toBe(failed)
  for (const thrown of [new TypeError('/etc/passwd'), 'text', undefined, null]) {
    const unknown = toFailure(thrown)
    expect(unknown).toMatchObject({ code: 'INTERNAL', http: 500 })
    expect(unknown.message).toBe('The server failed to answer this request; its log says why.')
  }
})
