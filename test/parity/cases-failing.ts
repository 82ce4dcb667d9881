import {
  BAD_REQUEST,
  INTERNAL,
  JSON_BODY,
  noModel,
  NOT_FOUND,
  noVersion,
  type Answer,
  type ParityCase,
} from './case.ts'

const noWorker = (model: string): Answer => ({
  status: 503,
  type: 'ServiceUnavailableException',
  message:
    `Model ${model} has no worker to serve inference request. Please use scale workers API to add workers. If this ` +
    'is a sequence inference, please check if it is closed, or expired; or exceeds maxSequenceJobQueueSize',
})

const failed = (status: number, message: string): Answer => ({ status, type: INTERNAL, message })

/** Predictions that fail. */
export const failing: readonly ParityCase[] = [
  {
    about: 'An unknown model',
    api: 'inference',
    request: 'GET /predictions/InvalidModel',
    answer: noModel('InvalidModel'),
    verdict: 'same',
  },
  {
    about: 'An unknown version',
    given: ['POST /models?url=noop.mar'],
    api: 'inference',
    request: 'GET /predictions/noop/1.3.1',
    answer: noVersion('noop', '1.3.1'),
    verdict: 'same',
  },
  {
    about: 'No workers',
    given: ['POST /models?url=noop.mar'],
    api: 'inference',
    request: 'POST /predictions/noop',
    answer: noWorker('"noop"'),
    verdict: 'same',
  },
  {
    about: 'No workers of the named version (with its lonely quotation mark)',
    given: ['POST /models?url=noop.mar'],
    api: 'inference',
    request: 'POST /predictions/noop/1.11',
    answer: noWorker('"noop" Version 1.11"'),
    verdict: 'same',
  },
  {
    about: '`/invocations` without a model',
    api: 'inference',
    request: 'POST /invocations',
    answer: { status: 400, type: BAD_REQUEST, message: 'Parameter model_name is required.' },
    verdict: 'same',
  },
  {
    about: 'The handler throws',
    given: ['POST /models?url=throwing.mar&initial_workers=1'],
    api: 'inference',
    request: 'POST /predictions/throwing',
    answer: failed(503, 'Prediction failed'),
    verdict: 'same',
  },
  {
    about: 'The handler runs out of memory',
    given: ['POST /models?url=prediction-memory-error.mar&initial_workers=1'],
    api: 'inference',
    request: 'POST /predictions/prediction-memory-error',
    answer: failed(507, 'Out of resources'),
    verdict: 'same',
  },
  {
    about: 'The handler refuses with a status of its choice',
    given: ['POST /models?url=pred-custom-return-code.mar&initial_workers=1'],
    api: 'inference',
    request: 'POST /predictions/pred-custom-return-code',
    answer: failed(599, 'Some Prediction Error'),
    verdict: 'same',
  },
  {
    about: 'The handler gives no list of answers',
    given: ['POST /models?url=no-list.mar&initial_workers=1'],
    api: 'inference',
    request: 'POST /predictions/no-list',
    answer: failed(503, 'Invalid model predict output'),
    verdict: 'same',
  },
  {
    about: 'The handler gives another number of answers',
    given: ['POST /models?url=error_batch.mar&initial_workers=1'],
    api: 'inference',
    request: 'POST /predictions/error_batch',
    answer: failed(503, 'number of batch response mismatched'),
    verdict: 'same',
  },
  {
    about: 'The handler gives what is no JSON',
    given: ['POST /models?url=no-json.mar&initial_workers=1'],
    api: 'inference',
    request: 'POST /predictions/no-json',
    answer: failed(503, 'Unsupported model output data type.'),
    verdict: 'same',
  },
  {
    about: 'The worker dies',
    given: ['POST /models?url=dying.mar&initial_workers=1'],
    api: 'inference',
    request: 'POST /predictions/dying',
    answer: { ...failed(500, 'Worker died.'), json: { reason: 'The worker exited with code 3.' } },
    verdict: 'same',
  },
  {
    about: 'An input that the model cannot take',
    given: ['POST /models?url=mnist.mar&initial_workers=1'],
    api: 'inference',
    request: 'POST /predictions/mnist',
    headers: JSON_BODY,
    body: '[[1, 2]]',
    answer: {
      status: 400,
      type: BAD_REQUEST,
      message: 'Input "x": expected float32 [batch, 4], got float32 [1, 2]',
    },
    torchserve: '503 `InternalServerException` `Prediction failed`, for the whole batch',
    verdict: {
      better: "The client's mistake is a 400 that says what was expected, and only its own request fails.",
    },
  },
  {
    about: 'A body above `max_request_size`',
    given: ['POST /models?url=noop.mar&initial_workers=1'],
    api: 'inference',
    request: 'POST /predictions/noop',
    body: new Uint8Array(6_553_501),
    answer: { status: 413, text: '', headers: { 'x-request-id': null } },
    verdict: 'same',
  },
  {
    about: 'No model in the path',
    api: 'inference',
    request: 'GET /predictions',
    answer: NOT_FOUND,
    verdict: 'same',
  },
]
