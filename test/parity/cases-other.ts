import {
  JSON_BODY,
  noModel,
  NOT_ALLOWED,
  NOT_FOUND,
  SQUEEZENET,
  type Answer,
  type ParityCase,
} from './case.ts'

const PER_SERVER = { openapi: '3.0.1', info: { title: 'TorchServe APIs' } }
const openApi = (...paths: string[]): Answer => ({
  status: 200,
  json: { ...PER_SERVER, paths: Object.fromEntries(paths.map(path => [path, {}])) },
})

/** What every answer has, and what no route has. */
export const transport: readonly ParityCase[] = [
  {
    about: 'An id of the server, whatever the client sends, and no caching',
    api: 'inference',
    request: 'GET /ping',
    headers: { 'x-request-id': 'mine' },
    answer: {
      status: 200,
      headers: {
        'x-request-id': /^[\da-f]{8}-[\da-f]{4}-4/,
        pragma: 'no-cache',
        'cache-control': 'no-cache; no-store, must-revalidate, private',
        expires: 'Thu, 01 Jan 1970 00:00:00 UTC',
        'content-type': 'application/json',
      },
    },
    verdict: 'same',
  },
  {
    about: 'An error closes the connection',
    request: 'GET /models/none',
    answer: { ...noModel('none'), headers: { connection: 'close' } },
    verdict: 'same',
  },
  {
    about: 'An error as JSON, two spaces, a newline at its end',
    request: 'GET /models/none',
    answer: {
      status: 404,
      text: '{\n  "code": 404,\n  "type": "ModelNotFoundException",\n  "message": "Model not found: none"\n}\n',
    },
    verdict: 'same',
  },
  {
    about: 'A slash at the end of the path',
    api: 'inference',
    request: 'GET /ping/',
    answer: { status: 200, says: 'Healthy' },
    verdict: 'same',
  },
  {
    about: 'An unknown path of the inference API',
    api: 'inference',
    request: 'GET /InvalidUrl',
    answer: NOT_FOUND,
    verdict: 'same',
  },
  {
    about: 'An unknown path of the management API',
    request: 'GET /InvalidUrl',
    answer: NOT_FOUND,
    verdict: 'same',
  },
]

const FIXED_DOCUMENT = '200: the same form, with the routes of TorchServe'
const OUR_DOCUMENT = {
  better: "The document describes the routes that are there; it is not TorchServe's word for word.",
}

/** The description of the APIs. */
export const description: readonly ParityCase[] = [
  {
    about: 'The inference API',
    api: 'inference',
    request: 'OPTIONS /',
    answer: openApi('/ping', '/predictions/{model_name}', '/predictions/{model_name}/{model_version}'),
    torchserve: FIXED_DOCUMENT,
    verdict: OUR_DOCUMENT,
  },
  {
    about: 'The management API',
    request: 'OPTIONS /',
    answer: openApi('/models', '/models/{model_name}', '/models/{model_name}/{model_version}/set-default'),
    torchserve: FIXED_DOCUMENT,
    verdict: OUR_DOCUMENT,
  },
  {
    about: 'The metrics API',
    api: 'metrics',
    request: 'OPTIONS /',
    answer: openApi('/metrics'),
    torchserve: FIXED_DOCUMENT,
    verdict: OUR_DOCUMENT,
  },
  {
    about: 'As older clients ask',
    api: 'inference',
    request: 'GET /api-description',
    answer: openApi('/ping'),
    torchserve: FIXED_DOCUMENT,
    verdict: OUR_DOCUMENT,
  },
  {
    about: 'Another method on the root',
    api: 'inference',
    request: 'GET /',
    answer: NOT_ALLOWED,
    verdict: 'same',
  },
  {
    about: 'Predictions of one model',
    given: [SQUEEZENET],
    api: 'inference',
    request: 'OPTIONS /predictions/squeezenet1_1',
    answer: {
      status: 200,
      json: {
        info: { title: 'RESTful API for: squeezenet1_1', version: '1.0.0' },
        paths: { '/prediction/squeezenet1_1': { post: { operationId: 'squeezenet1_1' } } },
      },
    },
    torchserve: FIXED_DOCUMENT,
    verdict: OUR_DOCUMENT,
  },
  {
    about: 'Predictions of an unknown model',
    api: 'inference',
    request: 'OPTIONS /predictions/InvalidModel',
    answer: noModel('InvalidModel'),
    verdict: 'same',
  },
  {
    about: 'Management of one model',
    given: [SQUEEZENET],
    request: 'OPTIONS /models/squeezenet1_1',
    answer: {
      status: 200,
      json: {
        info: { title: 'RESTful Management API for: squeezenet1_1' },
        paths: {
          '/models/{model_name}': {},
          '/models/{model_name}/{model_version}': {},
          '/models/{model_name}/{model_version}/set-default': {},
        },
      },
    },
    torchserve: FIXED_DOCUMENT,
    verdict: OUR_DOCUMENT,
  },
]

/** Metrics, KServe, workflows. */
export const others: readonly ParityCase[] = [
  {
    about: 'Metrics in the form that clients know',
    given: [SQUEEZENET],
    api: 'metrics',
    request: 'GET /metrics',
    answer: {
      status: 200,
      text: /Requests2XX\{Level="Host",Hostname=".*",\} \d+\.\d+/,
      headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
    },
    torchserve: 'the same with `metrics_mode=prometheus`; by default an empty page',
    verdict: { better: 'There is something to see without a setting.' },
  },
  {
    about: 'One metric by its name',
    given: [SQUEEZENET],
    api: 'metrics',
    request: 'GET /metrics?name[]=Requests2XX',
    answer: {
      status: 200,
      text: /^# HELP Requests2XX [^]*\n# TYPE Requests2XX counter\nRequests2XX\{[^}]*\} \S+\n$/,
    },
    verdict: 'same',
  },
  {
    about: 'An unknown path of the metrics API',
    api: 'metrics',
    request: 'GET /InvalidUrl',
    answer: NOT_FOUND,
    verdict: 'same',
  },
  {
    about: "KServe: a model's readiness",
    given: [SQUEEZENET],
    request: 'GET /v1/models/squeezenet1_1',
    answer: { status: 200, json: { name: 'squeezenet1_1', ready: false } },
    verdict: 'same',
  },
  {
    about: 'KServe v1: predict',
    given: ['POST /models?url=noop.mar&initial_workers=1'],
    api: 'inference',
    request: 'POST /v1/models/noop:predict',
    headers: JSON_BODY,
    body: '{"instances": [1, 2]}',
    answer: { status: 200, json: { predictions: ['OK', 'OK'] } },
    torchserve: '200 `OK`, or this one with `service_envelope=kserve`',
    verdict: {
      better:
        'The route speaks its protocol without a key. A body without `instances` is for the handler as it is.',
    },
  },
  {
    about: 'KServe v1: explain',
    given: ['POST /models?url=noop.mar&initial_workers=1'],
    api: 'inference',
    request: 'POST /v1/models/noop:explain',
    headers: JSON_BODY,
    body: '{"instances": [1]}',
    answer: { status: 200, json: { explanations: ['OK'] } },
    torchserve: '200 `OK`, or this one with `service_envelope=kserve`',
    verdict: { better: 'The route speaks its protocol without a key.' },
  },
  {
    about: 'KServe v2: infer',
    given: ['POST /models?url=noop.mar&initial_workers=1'],
    api: 'inference',
    request: 'POST /v2/models/noop/infer',
    headers: JSON_BODY,
    body: '{"inputs": [{"name": "data", "datatype": "BYTES", "shape": [1], "data": ["test"]}]}',
    answer: {
      status: 200,
      json: { outputs: [{ name: 'output', datatype: 'BYTES', shape: [1], data: ['OK'] }] },
    },
    torchserve: '200 `OK`; the JSON goes to the handler, or what is in it with `service_envelope=kservev2`',
    verdict: { better: 'The route speaks its protocol: tensors to the graph, or bytes to the handler.' },
  },
  {
    about: '`/v2/health/live` of the Open Inference Protocol',
    api: 'inference',
    request: 'GET /v2/health/live',
    answer: { status: 200, json: { live: true } },
    torchserve: '200 with `ts_open_inference_protocol=true`, else 404',
    verdict: { better: 'It is always served.' },
  },
  {
    about: 'Workflows: register',
    request: 'POST /workflows?url=dog_breed_wf.war',
    answer: NOT_FOUND,
    torchserve: '400 `BadRequestException` `Registering new workflows is disabled.`',
    verdict: { missing: 'TorchServe has switched it off, too.' },
  },
]
