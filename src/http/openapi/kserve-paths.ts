/** The paths of the Open Inference Protocol and KServe v1. */
import { PREDICTION_FAILURES } from './handler-call.ts'
import {
  FLAG,
  MODEL,
  TERMS,
  TEXT,
  VERSION,
  answer,
  inPath,
  jsonBody,
  object,
  operation,
  ref,
  type Json,
  type Paths,
} from './operation.ts'

const V2 = 'Open Inference Protocol'
const V1 = 'KServe v1'
const REPOSITORY = 'Repository'
const SETTINGS = 'Settings'
const INFER_FAILURES = [400, 404, 413, 415, 500, 503, 504] as const
const form = 'KserveFailure'

function get(id: string, tag: string, summary: string, more: GetParts): { get: Json } {
  const { parameters = [], schema, failures = [], answers = {} } = more
  const found = { 200: answer('Found.', ref(schema)), ...answers }
  return { get: operation(id, { tag, summary, parameters, answers: found, failures, form }) }
}

interface GetParts {
  readonly schema: string
  readonly parameters?: readonly Json[]
  readonly failures?: readonly (400 | 404)[]
  readonly answers?: Readonly<Record<number, Json>>
}

const NOT_READY = { 503: answer('Not ready, and why.', ref('Ready')) }

export const HEADER_LENGTH = {
  in: 'header',
  name: 'Inference-Header-Content-Length',
  description:
    'Length of the JSON where binary data follows it; 0: the whole body is the data of the one input.',
  schema: { type: 'integer', minimum: 0 },
} as const

const BINARY = { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } }

/** A body of the JSON of this schema, with or without binary data behind it. */
export function inferBody(schema: Json, more: Json = {}): Json {
  return { required: true, content: { ...content(schema, more), ...BINARY } }
}

export function inferAnswer(schema: Json): Json {
  return { description: 'The outputs.', content: { ...content(schema, {}), ...BINARY } }
}

function content(schema: Json, more: Json): Json {
  return { 'application/json': { schema, ...more } }
}

export function infer(id: string, parameters: readonly Json[], body: Json, answers: Json): Json {
  return operation(id, {
    tag: V2,
    summary: 'Tensors to the graph and back, as JSON or binary',
    parameters: [...parameters, HEADER_LENGTH, ...TERMS],
    body,
    answers: { 200: answers },
    failures: INFER_FAILURES,
    form,
  })
}

function ofModel(base: string, suffix: string, parameters: readonly Json[]): Paths {
  const failures = [404] as const
  const asked = { parameters, failures }
  const refused = (call: string) =>
    operation(`${call.replaceAll(/_(\w)/g, (_all, letter: string) => letter.toUpperCase())}${suffix}`, {
      tag: V2,
      summary: 'Not served: answers 501',
      parameters,
      answers: {},
      failures: [404, 501],
      form,
    })
  return {
    [base]: get(`modelMetadata${suffix}`, V2, 'Inputs and outputs', { ...asked, schema: 'ModelMetadata' }),
    [`${base}/ready`]: get(`modelReady${suffix}`, V2, 'Whether a request would be run now', {
      ...asked,
      schema: 'Ready',
      answers: NOT_READY,
    }),
    [`${base}/config`]: get(`modelConfig${suffix}`, V2, 'Configuration', { ...asked, schema: 'ModelConfig' }),
    [`${base}/stats`]: get(`modelStats${suffix}`, V2, 'Statistics', { ...asked, schema: 'Statistics' }),
    [`${base}/openapi.json`]: {
      get: operation(`modelOpenApi${suffix}`, {
        tag: 'Descriptions',
        summary: 'OpenAPI document of one model, with its own tensors',
        parameters,
        answers: { 200: answer('OpenAPI 3.1.', object({ openapi: TEXT, paths: { type: 'object' } })) },
        failures,
        form,
      }),
    },
    [`${base}/infer`]: {
      post: infer(
        `infer${suffix}`,
        parameters,
        inferBody(ref('InferRequest')),
        inferAnswer(ref('InferResponse')),
      ),
    },
    [`${base}/generate`]: { post: refused('generate') },
    [`${base}/generate_stream`]: { post: refused('generate_stream') },
    [`${base}/infer_stream`]: { post: refused('infer_stream') },
  }
}

function index(id: string, parameters: readonly Json[]): { post: Json } {
  return {
    post: operation(id, {
      tag: REPOSITORY,
      summary: 'Models of the model store and those that are registered',
      parameters,
      body: jsonBody(object({ ready: { ...FLAG, description: 'Only those that are ready.' } }, [])),
      answers: { 200: answer('One entry for each.', ref('RepositoryIndex')) },
      failures: [400],
      form,
    }),
  }
}

const REPOSITORY_NAME = inPath('repository', 'Any name: there is one repository.')

export const V2_PATHS: Paths = {
  '/v2': get('serverMetadata', V2, 'Name, version and extensions', { schema: 'ServerMetadata' }),
  '/v2/health/live': get('live', V2, 'Whether the server is there', { schema: 'Live' }),
  '/v2/health/ready': get('ready', V2, 'Whether every model has a worker that is up', {
    schema: 'Ready',
    answers: NOT_READY,
  }),
  '/v2/models': get('modelNames', V2, 'Names of the registered models', { schema: 'ModelNames' }),
  '/v2/models/stats': get('stats', V2, 'Statistics of all models', { schema: 'Statistics' }),
  ...ofModel('/v2/models/{model_name}', '', [MODEL]),
  ...ofModel('/v2/models/{model_name}/versions/{model_version}', 'Version', [MODEL, VERSION]),
  '/v2/models/{model_name}/explain': {
    post: operation('explainV2', {
      tag: V2,
      summary: 'Explain: what the handler takes and answers',
      parameters: [MODEL],
      body: jsonBody({}),
      answers: { 200: answer("The handler's answer.", {}) },
      failures: [400, 404, 413, 500, 501, 503],
      form,
    }),
  },
  '/v2/repository/index': index('repositoryIndex', []),
  '/v2/repository/{repository}/index': index('namedRepositoryIndex', [REPOSITORY_NAME]),
}

function v1Call(id: string, summary: string): { post: Json } {
  return {
    post: operation(id, {
      tag: V1,
      summary,
      parameters: [MODEL, ...TERMS],
      body: jsonBody(ref('V1Request')),
      answers: { 200: answer('One entry for each instance.', ref('V1Response')) },
      failures: PREDICTION_FAILURES,
      form,
    }),
  }
}

export const V1_MODEL_PATHS: Paths = {
  '/v1/models/{model_name}': get('v1Ready', V1, 'Whether a model is ready', {
    schema: 'Ready',
    parameters: [MODEL],
    failures: [404],
  }),
}

export const V1_PATHS: Paths = {
  '/v1/models': get('v1Models', V1, 'Names of the registered models', { schema: 'ModelNames' }),
  ...V1_MODEL_PATHS,
  '/v1/models/{model_name}:predict': v1Call('v1Predict', 'Predict for each instance'),
  '/v1/models/{model_name}:explain': v1Call('v1Explain', 'Explain for each instance'),
}

function change(id: string, summary: string, parameters: readonly Json[]): { post: Json } {
  return {
    post: operation(id, {
      tag: REPOSITORY,
      summary,
      parameters,
      body: jsonBody(object({ parameters: { type: 'object' } }, [])),
      answers: { 200: { description: 'Done.' } },
      failures: [400, 404, 405, 500, 501],
      form,
    }),
  }
}

function settings(name: string, schema: string, parameters: readonly Json[]): Json {
  const failures = parameters.length === 0 ? ([400] as const) : ([400, 404] as const)
  return {
    ...get(`read${name}`, SETTINGS, 'What holds now', { schema, parameters, failures }),
    post: operation(`change${name}`, {
      tag: SETTINGS,
      summary: 'Change what is given; all of it or, when something is wrong, nothing',
      parameters,
      body: jsonBody(ref(schema)),
      answers: { 200: answer('What holds now.', ref(schema)) },
      failures,
      form,
    }),
  }
}

/** Those of the management API. */
export const V2_MANAGEMENT_PATHS: Paths = {
  '/v2/repository/models/{model_name}/load': change('load', 'Load a model of the model store', [MODEL]),
  '/v2/repository/models/{model_name}/unload': change('unload', 'Unload a model', [MODEL]),
  '/v2/repository/{repository}/models/{model_name}/load': change('namedLoad', 'Load a model', [
    REPOSITORY_NAME,
    MODEL,
  ]),
  '/v2/repository/{repository}/models/{model_name}/unload': change('namedUnload', 'Unload a model', [
    REPOSITORY_NAME,
    MODEL,
  ]),
  '/v2/logging': settings('LogSettings', 'LogSettings', []),
  '/v2/trace/setting': settings('TraceSettings', 'TraceSettings', []),
  '/v2/models/{model_name}/trace/setting': settings('ModelTraceSettings', 'TraceSettings', [MODEL]),
}
