/** The paths of TorchServe's inference, management and metrics APIs. */
import {
  FLAG,
  MODEL,
  TEXT,
  VERSION,
  answer,
  inPath,
  inQuery,
  jsonBody,
  object,
  operation,
  ref,
  type Json,
  type Paths,
} from './operation.ts'
import { PAGE_FILES } from './page-files.ts'
import { handlerCall } from './handler-call.ts'

const INFERENCE = 'Inference'
const MANAGEMENT = 'Management'
const METRICS = 'Metrics'

const COUNT = { type: 'integer', minimum: 0 } as const
const OPEN_API_DOCUMENT = answer('An OpenAPI document.', { type: 'object' })

function prediction(id: string, summary: string, parameters: readonly Json[]): { post: Json } {
  return { post: handlerCall(id, { tag: INFERENCE, summary, parameters }) }
}

const NAMED = inQuery(
  'model_name',
  TEXT,
  'Name of the model; needed where more than one was loaded at start.',
)
const REST = inPath('path', 'For the handler, which reads it as url_path.')

export const INFERENCE_PATHS: Paths = {
  '/ping': {
    get: operation('ping', {
      tag: INFERENCE,
      summary: 'Health as TorchServe has it: no model has been given up',
      answers: {
        200: answer('Healthy.', ref('Status')),
        500: answer('Unhealthy.', ref('Status')),
      },
    }),
  },
  '/predictions/{model_name}': {
    ...prediction('predict', 'Predict with the default version', [MODEL]),
    options: operation('describePredictions', {
      tag: INFERENCE,
      summary: "TorchServe's description of a model's predictions",
      parameters: [MODEL],
      answers: { 200: OPEN_API_DOCUMENT },
      failures: [404],
    }),
  },
  '/predictions/{model_name}/{model_version}': prediction('predictVersion', 'Predict with a version', [
    MODEL,
    VERSION,
  ]),
  '/predictions/{model_name}/{model_version}/{path}': prediction(
    'predictPath',
    'Predict, with a path for the handler',
    [MODEL, VERSION, REST],
  ),
  '/explanations/{model_name}': prediction('explain', 'Explain with the default version', [MODEL]),
  '/explanations/{model_name}/{model_version}': prediction('explainVersion', 'Explain with a version', [
    MODEL,
    VERSION,
  ]),
  '/explanations/{model_name}/{model_version}/{path}': prediction(
    'explainPath',
    'Explain, with a path for the handler',
    [MODEL, VERSION, REST],
  ),
  '/invocations': prediction('invokeOnly', "Predict, at SageMaker's path", [NAMED]),
  '/models/{model_name}/invoke': prediction('invoke', "Predict, at SageMaker's path of one model", [MODEL]),
  '/{model_name}/predict': prediction('predictOldPath', "Predict, at TorchServe's first path", [MODEL]),
  '/{model_name}/{model_version}/predict': prediction(
    'predictVersionOldPath',
    "Predict with a version, at TorchServe's first path",
    [MODEL, VERSION],
  ),
}

/** Beside the inference API, and without its key. */
export const HEALTH_PATHS: Paths = {
  '/health/live': {
    get: operation('healthLive', {
      tag: 'Health',
      summary: 'Whether the server is there',
      answers: { 200: answer('It is.', ref('Live')) },
    }),
  },
  '/health/ready': {
    get: operation('healthReady', {
      tag: 'Health',
      summary: 'Whether requests should be sent, and if not, why',
      answers: { 200: answer('Ready.', ref('Health')), 503: answer('Not ready.', ref('Health')) },
    }),
  },
}

const SYNCHRONOUS = (fallback: boolean) =>
  inQuery('synchronous', { ...FLAG, default: fallback }, 'Whether the answer waits for the workers.')

const REGISTER = [
  inQuery('url', TEXT, 'File in the model store, or a URL that allowed_urls permits.'),
  inQuery('model_name', TEXT, "Name to register under; the archive's where it is absent."),
  inQuery('handler', TEXT, "Handler in place of the archive's."),
  inQuery('runtime', TEXT, 'Accepted for TorchServe.'),
  inQuery('batch_size', COUNT, 'Requests that one run gets together, at most.'),
  inQuery('max_batch_delay', COUNT, 'Milliseconds that a batch waits for company.'),
  inQuery('response_timeout', COUNT, 'Seconds that a batch may take.'),
  inQuery('startup_timeout', COUNT, 'Seconds that loading may take.'),
  inQuery('initial_workers', COUNT, 'Workers to start.'),
  SYNCHRONOUS(true),
  inQuery('s3_sse_kms', FLAG, 'Refused when true: archives do not come from S3.'),
]

const SCALE = [
  inQuery('min_worker', { ...COUNT, default: 1 }, 'Workers that there should be.'),
  inQuery('max_worker', COUNT, 'Not less than min_worker.'),
  SYNCHRONOUS(false),
]

const STATUS = answer('What was done.', ref('Status'))
const PENDING = answer('It is being done.', ref('Status'))

function ofModel(suffix: string, parameters: readonly Json[], scaleMore: readonly Json[]): Json {
  const customized = inQuery('customized', { ...FLAG, default: false }, 'Ask the handler, too.')
  const base = { tag: MANAGEMENT, parameters }
  return {
    get: operation(`describeModel${suffix}`, {
      ...base,
      summary: 'Settings, workers and state; the version `all` means every version',
      parameters: [...parameters, customized],
      answers: { 200: answer('One entry for each version.', ref('ModelDescriptions')) },
      failures: [404, 500, 503],
    }),
    put: operation(`scaleModel${suffix}`, {
      ...base,
      summary: 'Change the number of workers',
      parameters: [...parameters, ...SCALE, ...scaleMore],
      answers: { 200: STATUS, 202: PENDING },
      failures: [400, 404, 500],
    }),
    delete: operation(`unregisterModel${suffix}`, {
      ...base,
      summary: 'Unregister, once what is in flight has been answered',
      answers: { 200: STATUS, 202: PENDING },
      failures: [403, 404, 405, 408],
    }),
    options: operation(`describeManagement${suffix}`, {
      ...base,
      summary: "TorchServe's description of a model's management",
      answers: { 200: OPEN_API_DOCUMENT },
      failures: [404],
    }),
  }
}

export const MANAGEMENT_PATHS: Paths = {
  '/models': {
    get: operation('listModels', {
      tag: MANAGEMENT,
      summary: 'List the registered models',
      parameters: [
        inQuery('limit', { ...COUNT, default: 100, maximum: 100 }, 'Models on a page.'),
        inQuery('next_page_token', TEXT, 'As the page before said.'),
      ],
      answers: { 200: answer('A page.', ref('ModelList')) },
      failures: [400],
    }),
    post: operation('registerModel', {
      tag: MANAGEMENT,
      summary: 'Register a model: parameters in the query or, as JSON, in the body',
      parameters: REGISTER,
      body: jsonBody(ref('Registration')),
      answers: { 200: STATUS, 202: PENDING },
      failures: [400, 404, 405, 409, 500],
    }),
  },
  '/models/{model_name}': ofModel('', [MODEL], [inQuery('model_version', TEXT, 'Version to scale.')]),
  '/models/{model_name}/{model_version}': ofModel('Version', [MODEL, VERSION], []),
  '/models/{model_name}/{model_version}/set-default': {
    put: operation('setDefault', {
      tag: MANAGEMENT,
      summary: 'Make a version the default one',
      parameters: [MODEL, VERSION],
      answers: { 200: STATUS },
      failures: [404],
    }),
  },
}

/** There where keys are needed. */
export const TOKEN_PATHS: Paths = {
  '/token': {
    get: operation('renewKey', {
      tag: MANAGEMENT,
      summary: 'Renew a key; the new one is written to the key file. Needs the API key',
      parameters: [inQuery('type', { enum: ['inference', 'management'] }, 'Which key.')],
      answers: { 200: { description: 'Renewed.' } },
      failures: [400],
    }),
  },
}

export const METRICS_PATHS: Paths = {
  '/metrics': {
    get: operation('metrics', {
      tag: METRICS,
      summary: 'Metrics in the text format of Prometheus',
      parameters: [
        inQuery('name[]', { type: 'array', items: TEXT }, 'Samples of these names only; may be repeated.'),
      ],
      answers: { 200: { description: 'Metrics.', content: { 'text/plain': { schema: TEXT } } } },
    }),
  },
}

/** On every address. */
export const DESCRIPTION_PATHS: Paths = {
  '/': {
    options: operation('apiDescription', {
      tag: 'Descriptions',
      summary: "TorchServe's description of the APIs behind this address",
      answers: { 200: OPEN_API_DOCUMENT },
    }),
  },
  '/api-description': {
    get: {
      ...operation('oldApiDescription', {
        tag: 'Descriptions',
        summary: 'The same, as older clients ask for it',
        answers: { 200: OPEN_API_DOCUMENT },
      }),
      deprecated: true,
    },
  },
  '/openapi.json': {
    get: operation('openApi', {
      tag: 'Descriptions',
      summary: 'This document: every path of every address of the server',
      answers: { 200: answer('OpenAPI 3.1.', object({ openapi: TEXT, paths: { type: 'object' } })) },
    }),
  },
}

/** Where the page is on. */
export const PAGE_PATHS: Paths = {
  '/docs': {
    get: operation('docsPage', {
      tag: 'Descriptions',
      summary: 'A page that shows the documents',
      answers: { 200: { description: 'The page.', content: { 'text/html': { schema: TEXT } } } },
    }),
  },
  ...Object.fromEntries(
    Object.entries(PAGE_FILES).map(([file, type]) => [
      `/docs/${file}`,
      {
        get: operation(`docsFile_${file}`, {
          tag: 'Descriptions',
          summary: 'What the page is made of',
          answers: { 200: { description: 'The file.', content: { [type]: { schema: TEXT } } } },
        }),
      },
    ]),
  ),
}
