/** The API's own description (OpenAPI 3.0.1), in TorchServe's form: what `OPTIONS` answers. */
import type { Model } from '../models/model.ts'
import type { TensorInfo } from '../runtime/tensor.ts'

type Json = Record<string, unknown>
export type ApiKind = 'inference' | 'management' | 'metrics'

const ERROR_SCHEMA = {
  type: 'object',
  required: ['code', 'type', 'message'],
  properties: {
    code: { type: 'integer', description: 'Error code.' },
    type: { type: 'string', description: 'Error type.' },
    message: { type: 'string', description: 'Error message.' },
  },
}

/** The document of one listener with these APIs. */
export function describeApis(kinds: readonly ApiKind[], version: string): Json {
  return {
    openapi: '3.0.1',
    info: {
      title: 'TorchServe APIs',
      description: 'Sconce serves PyTorch models behind the APIs of TorchServe.',
      version,
    },
    paths: Object.assign({}, ...kinds.map(kind => PATHS[kind])),
  }
}

/** The document of one model: where to predict, and what the graph takes and gives. */
export function describePredictions(model: Model): Json {
  const { graph } = model.pool
  const post = {
    description: `A predict entry point for model ${model.name}.`,
    operationId: model.name,
    requestBody: {
      description: 'Input data format is defined by each model.',
      content: ANY_CONTENT,
      required: true,
    },
    responses: { 200: { description: 'OK' }, 500: errorResponse('Internal Server Error') },
    ...(graph === undefined
      ? {}
      : { 'x-inputs': graph.inputs.map(show), 'x-outputs': graph.outputs.map(show) }),
  }
  return {
    openapi: '3.0.1',
    info: { title: `RESTful API for: ${model.name}`, version: '1.0.0' },
    paths: {
      // The path says /prediction/ and not /predictions/: as TorchServe has it.
      [`/prediction/${model.name}`]: { post },
      '/v1/models/{model_name}:predict': { post: { operationId: 'predictions' } },
      '/v2/models/{model_name}/infer': { post: { operationId: 'predictions' } },
    },
  }
}

/** The document of one model on the management listener. */
export function describeManagement({ name }: Model): Json {
  const { management } = PATHS
  const own = Object.entries(management).filter(([path]) => path.startsWith('/models/{'))
  return {
    openapi: '3.0.1',
    info: { title: `RESTful Management API for: ${name}`, version: '1.0.0' },
    paths: Object.fromEntries(own),
  }
}

const ANY_CONTENT = { '*/*': { schema: { type: 'string', format: 'binary' } } }

function show({ name, type, shape }: TensorInfo): Json {
  return { name, type, shape }
}

function errorResponse(description: string): Json {
  return { description, content: { 'application/json': { schema: ERROR_SCHEMA } } }
}

function operation(
  operationId: string,
  parameters: Json[] = [],
  more: Json = {},
  responses: Json = {},
): Json {
  return {
    operationId,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...more,
    responses: { 200: { description: 'OK' }, ...responses, 500: errorResponse('Internal Server Error') },
  }
}

function inPath(name: string): Json {
  return { in: 'path', name, required: true, schema: { type: 'string' } }
}

function inQuery(name: string, fallback: string): Json {
  return { in: 'query', name, required: false, schema: { type: 'string', default: fallback } }
}

const model = inPath('model_name')
const version = inPath('model_version')
const body = { requestBody: { content: ANY_CONTENT, required: true } }

const REGISTER = [
  { in: 'query', name: 'url', required: true, schema: { type: 'string' } },
  inQuery('model_name', ''),
  inQuery('handler', ''),
  inQuery('runtime', 'python'),
  inQuery('batch_size', '1'),
  inQuery('max_batch_delay', '0'),
  inQuery('response_timeout', '120'),
  inQuery('startup_timeout', '120'),
  inQuery('initial_workers', '0'),
  inQuery('synchronous', 'true'),
  inQuery('s3_sse_kms', 'false'),
]

const SCALE = [inQuery('min_worker', '1'), inQuery('max_worker', '1'), inQuery('synchronous', 'false')]

const SHARED = {
  '/': { options: operation('apiDescription') },
  '/api-description': { get: operation('api-description', [], { deprecated: true }) },
}

const METRICS = { '/metrics': { get: operation('metrics', [inQuery('name[]', '')]) } }

const PATHS: Readonly<Record<ApiKind, Json>> = {
  inference: {
    ...SHARED,
    '/ping': { get: operation('ping') },
    '/health/live': { get: operation('live') },
    '/health/ready': { get: operation('ready', [], {}, { 503: { description: 'Not ready' } }) },
    '/predictions/{model_name}': { post: operation('predictions', [model], body) },
    '/predictions/{model_name}/{model_version}': {
      post: operation('version_predictions', [model, version], body),
    },
    '/explanations/{model_name}': { post: operation('explanations', [model], body) },
    '/invocations': { post: operation('invocations', [inQuery('model_name', '')], body) },
    '/models/{model_name}/invoke': { post: operation('invoke', [model], body) },
  },
  management: {
    ...SHARED,
    '/models': {
      get: operation('listModels', [inQuery('limit', '100'), inQuery('next_page_token', '0')]),
      post: operation('registerModel', REGISTER),
    },
    '/models/{model_name}': {
      get: operation('describeModel', [model, inQuery('customized', 'false')]),
      put: operation('setAutoScale', [model, ...SCALE]),
      delete: operation('unregisterModel', [model]),
    },
    '/models/{model_name}/{model_version}': {
      get: operation('version_describeModel', [model, version, inQuery('customized', 'false')]),
      put: operation('version_setAutoScale', [model, version, ...SCALE]),
      delete: operation('version_unregisterModel', [model, version]),
    },
    '/models/{model_name}/{model_version}/set-default': { put: operation('setDefault', [model, version]) },
  },
  metrics: METRICS,
}
