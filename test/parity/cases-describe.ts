import { noModel, NOOP, noVersion, RESNET, SQUEEZENET, type Answer, type ParityCase } from './case.ts'

const THREE = [RESNET, SQUEEZENET, 'POST /models?url=mnist.mar']

const mnist = { modelName: 'mnist', modelUrl: 'mnist.mar' }
const resnet = { modelName: 'resnet-18', modelUrl: 'resnet-18.mar' }
const squeezenet = { modelName: 'squeezenet1_1', modelUrl: 'squeezenet1_1.mar' }

const page = (models: readonly unknown[], nextPageToken?: string): Answer => ({
  status: 200,
  text: `${JSON.stringify({ nextPageToken, models }, undefined, 2)}\n`,
})

/** `GET /models` */
export const listing: readonly ParityCase[] = [
  {
    about: 'All models, sorted by name',
    given: THREE,
    request: 'GET /models',
    answer: page([mnist, resnet, squeezenet]),
    verdict: 'same',
  },
  {
    about: 'A page',
    given: THREE,
    request: 'GET /models?limit=1&next_page_token=1',
    answer: page([resnet], '2'),
    verdict: 'same',
  },
  {
    about: 'A page that ends with the last model has a token too',
    given: THREE,
    request: 'GET /models?limit=3',
    answer: page([mnist, resnet, squeezenet], '3'),
    verdict: 'same',
  },
  {
    about: 'Empty, negative and other numbers that are none count as the defaults',
    given: [RESNET],
    request: 'GET /models?limit=-1&next_page_token=-7',
    answer: page([resnet]),
    verdict: 'same',
  },
  {
    about: 'Empty parameters count as the defaults',
    given: [RESNET],
    request: 'GET /models?limit=&next_page_token=',
    answer: page([resnet]),
    verdict: 'same',
  },
  { about: 'No model at all', request: 'GET /models?limit=0', answer: page([], '0'), verdict: 'same' },
  {
    about: 'A token beyond the end',
    given: [RESNET],
    request: 'GET /models?next_page_token=12',
    answer: page([]),
    verdict: 'same',
  },
  {
    about: 'One entry for a name with several versions',
    given: NOOP,
    request: 'GET /models',
    answer: page([{ modelName: 'noop', modelUrl: 'noop.mar' }]),
    verdict: 'same',
  },
]

/** What TorchServe says of a model that has no workers. */
const DESCRIBED = {
  runtime: 'python',
  minWorkers: 0,
  maxWorkers: 0,
  batchSize: 1,
  responseTimeout: 120,
  startupTimeout: 120,
  maxRetryTimeoutInSec: 300,
  deviceType: 'cpu',
  loadedAtStartup: false,
  workers: [],
  jobQueueStatus: { remainingCapacity: 100, pendingRequests: 0 },
}

/** `GET /models/{model}` */
export const describing: readonly ParityCase[] = [
  {
    about: 'The default version',
    given: [SQUEEZENET],
    request: 'GET /models/squeezenet1_1',
    answer: { status: 200, json: [{ ...squeezenet, modelVersion: '1.0', ...DESCRIBED }] },
    verdict: 'same',
  },
  {
    about: 'A named version',
    given: NOOP,
    request: 'GET /models/noop/1.2.1',
    answer: { status: 200, json: [{ modelName: 'noop', modelVersion: '1.2.1', modelUrl: 'noop_v2.mar' }] },
    verdict: 'same',
  },
  {
    about: 'All versions',
    given: NOOP,
    request: 'GET /models/noop/all',
    answer: { status: 200, json: [{ modelVersion: '1.11' }, { modelVersion: '1.2.1' }] },
    verdict: 'same',
  },
  {
    about: 'A worker',
    given: ['POST /models?url=squeezenet1_1.mar&initial_workers=1'],
    request: 'GET /models/squeezenet1_1',
    answer: { status: 200, json: [{ workers: [{ status: 'READY', gpu: false, gpuUsage: 'N/A' }] }] },
    verdict: 'same',
  },
  {
    about: "A worker's start",
    given: ['POST /models?url=noop.mar&initial_workers=1'],
    request: 'GET /models/noop',
    answer: { status: 200, text: /"startTime": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/ },
    torchserve: 'local time with a Z behind it',
    verdict: { better: 'The Z is true: it is UTC.' },
  },
  {
    about: 'State, reason, and the inputs and outputs of the graph',
    given: ['POST /models?url=squeezenet1_1.mar&initial_workers=1'],
    request: 'GET /models/squeezenet1_1',
    answer: {
      status: 200,
      json: [{ state: 'ready', inputs: [{ name: 'x', type: 'float32', shape: ['batch', 4] }] }],
    },
    torchserve: 'has no such fields',
    verdict: { better: 'How a model is and what it takes can be asked.' },
  },
  {
    about: 'What the handler says of the model',
    given: ['POST /models?url=noop.mar&initial_workers=1'],
    request: 'GET /models/noop?customized=true',
    answer: { status: 200, json: [{ customizedMetadata: { data1: '1' } }] },
    verdict: 'same',
  },
  {
    about: 'What the handler says of the model, without workers',
    given: ['POST /models?url=noop.mar'],
    request: 'GET /models/noop?customized=true',
    answer: {
      status: 503,
      type: 'ServiceUnavailableException',
      message:
        'Model "noop" has no worker to serve describe request. Please use scale workers API to add workers.',
    },
    verdict: 'same',
  },
  {
    about: 'An unknown model',
    request: 'GET /models/InvalidModel',
    answer: noModel('InvalidModel'),
    verdict: 'same',
  },
  {
    about: 'An unknown version',
    given: [SQUEEZENET],
    request: 'GET /models/squeezenet1_1/0.0',
    answer: noVersion('squeezenet1_1', '0.0'),
    verdict: 'same',
  },
]
