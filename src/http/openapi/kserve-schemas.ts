/** What the Open Inference Protocol and KServe v1 send and take. */
import { DATATYPES } from '../../runtime/datatype.ts'
import { FLAG, TEXT, WHOLE, list, object, ref, type Json } from './operation.ts'

const COUNT = { type: 'integer', minimum: 0 } as const
const PARAMETERS = {
  type: 'object',
  additionalProperties: { type: ['string', 'number', 'boolean'] },
} as const

export const DATA: Json = {
  type: 'array',
  description: 'Row by row, flat or nested as the shape says.',
  items: { type: ['number', 'string', 'boolean', 'array'] },
}

const SIZE = {
  ...COUNT,
  description: 'Bytes behind the JSON that are the data, in place of `data`.',
}

const INPUT = object(
  {
    name: TEXT,
    datatype: ref('Datatype'),
    shape: list(COUNT),
    parameters: { ...object({ binary_data_size: SIZE }, []), additionalProperties: true },
    data: DATA,
  },
  ['name', 'datatype', 'shape'],
)

const REQUESTED_OUTPUT = object(
  {
    name: TEXT,
    parameters: {
      ...object(
        {
          binary_data: { ...FLAG, description: 'Whether the data comes behind the JSON.' },
          classification: { type: 'integer', minimum: 1, description: 'The best so many classes as BYTES.' },
        },
        [],
      ),
      additionalProperties: true,
    },
  },
  ['name'],
)

const REQUEST = object(
  {
    id: { ...TEXT, description: 'Comes back with the answer.' },
    parameters: {
      ...object(
        {
          binary_data_output: { ...FLAG, description: 'Whether outputs come behind the JSON.' },
          timeout: { ...COUNT, description: "The client's patience in microseconds." },
        },
        [],
      ),
      additionalProperties: true,
    },
    inputs: list(ref('InferInput')),
    outputs: { ...list(ref('InferRequestedOutput')), description: 'Those that are wanted; none: all.' },
  },
  ['inputs'],
)

const RESPONSE = object(
  {
    id: TEXT,
    model_name: TEXT,
    model_version: TEXT,
    parameters: PARAMETERS,
    outputs: list(ref('InferOutput')),
  },
  ['model_name', 'model_version', 'outputs'],
)

const DURATION = ref('Duration')
const durations = (...names: readonly string[]) =>
  object(Object.fromEntries(names.map(name => [name, DURATION])))
const COMPUTE = ['compute_input', 'compute_infer', 'compute_output'] as const

const STATISTICS = object({
  name: TEXT,
  version: TEXT,
  last_inference: { ...COUNT, description: 'Milliseconds since 1970; 0: none yet.' },
  inference_count: COUNT,
  execution_count: COUNT,
  inference_stats: durations('success', 'fail', 'queue', ...COMPUTE, 'cache_hit', 'cache_miss'),
  response_stats: { type: 'object' },
  batch_stats: list({ allOf: [object({ batch_size: COUNT }), durations(...COMPUTE)] }),
  memory_usage: list(object({ type: TEXT, id: WHOLE, byte_size: COUNT })),
})

const METADATA_TENSOR = object({
  name: TEXT,
  datatype: ref('Datatype'),
  shape: list({ type: 'integer', minimum: -1, description: '-1: any size.' }),
})

const CONFIG_TENSOR = list(object({ name: TEXT, data_type: TEXT, dims: list(WHOLE) }))

export const KSERVE_SCHEMAS: Json = {
  KserveFailure: object(
    {
      error: { ...TEXT, description: 'What went wrong.' },
      code: WHOLE,
      type: TEXT,
      message: TEXT,
      reason: TEXT,
    },
    ['error'],
  ),
  Datatype: { type: 'string', enum: Object.keys(DATATYPES) },
  ServerMetadata: object({ name: TEXT, version: TEXT, extensions: list(TEXT) }),
  Live: object({ live: FLAG }),
  Ready: object({ name: TEXT, ready: FLAG, error: { ...TEXT, description: 'Why it is not ready.' } }, [
    'ready',
  ]),
  ModelNames: object({ models: list(TEXT) }),
  TensorMetadata: METADATA_TENSOR,
  ModelMetadata: object({
    name: TEXT,
    versions: list(TEXT),
    platform: TEXT,
    inputs: list(ref('TensorMetadata')),
    outputs: list(ref('TensorMetadata')),
  }),
  ModelConfig: {
    ...object({
      name: TEXT,
      platform: TEXT,
      max_batch_size: WHOLE,
      input: CONFIG_TENSOR,
      output: CONFIG_TENSOR,
    }),
    additionalProperties: true,
  },
  InferInput: INPUT,
  InferRequestedOutput: REQUESTED_OUTPUT,
  InferRequest: REQUEST,
  InferOutput: object(
    { name: TEXT, datatype: ref('Datatype'), shape: list(COUNT), parameters: PARAMETERS, data: DATA },
    ['name', 'datatype', 'shape'],
  ),
  InferResponse: RESPONSE,
  Duration: object({ count: COUNT, ns: COUNT }),
  Statistics: object({ model_stats: list(STATISTICS) }),
  RepositoryIndex: list(
    object(
      { name: TEXT, version: TEXT, state: { enum: ['READY', 'LOADING', 'UNAVAILABLE'] }, reason: TEXT },
      ['name', 'state'],
    ),
  ),
  LogSettings: object(
    {
      log_file: { ...TEXT, readOnly: true },
      log_info: FLAG,
      log_warning: FLAG,
      log_error: FLAG,
      log_verbose_level: { ...COUNT, description: '1 or more: debug lines, too.' },
      log_format: { ...TEXT, readOnly: true },
    },
    [],
  ),
  TraceSettings: object(
    {
      trace_file: { ...TEXT, readOnly: true },
      trace_level: {
        type: ['array', 'null'],
        items: { enum: ['OFF', 'TIMESTAMPS'] },
        maxItems: 1,
        description: 'null gives the setting back.',
      },
      trace_rate: { type: ['string', 'null'], description: 'One request in so many; null gives it back.' },
      trace_count: { ...TEXT, readOnly: true },
      log_frequency: { ...TEXT, readOnly: true },
    },
    [],
  ),
}

export const V1_SCHEMAS: Json = {
  V1Request: object(
    {
      instances: {
        type: 'array',
        description: 'One input of the handler each: its parameters, or bytes as {"b64": text}.',
        items: {},
      },
    },
    ['instances'],
  ),
  V1Response: object({ predictions: { type: 'array', items: {} } }),
}
