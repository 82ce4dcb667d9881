import { modelMetadata, type TensorMetadata } from '../../inference/model-metadata.ts'
import type { Model } from '../../models/model.ts'
import type { Registry } from '../../models/registry.ts'
import type { TensorInfo } from '../../runtime/tensor.ts'
import { handlerCall, PREDICTION_FAILURES } from './handler-call.ts'
import { infer, inferAnswer, inferBody } from './kserve-paths.ts'
import { DATA, KSERVE_SCHEMAS, V1_SCHEMAS } from './kserve-schemas.ts'
import { answer, jsonBody, list, object, operation, ref, TERMS, type Json, type Paths } from './operation.ts'
import { KEY_SCHEME, withKey } from './server-document.ts'
import { TORCHSERVE_SCHEMAS } from './torchserve-schemas.ts'

/** A longer example says no more. */
const MAX_EXAMPLE = 1024

interface ModelAsked {
  readonly registry: Registry
  readonly model: Model
  /** Whether the client named the version: the paths then name it, too. */
  readonly isVersionNamed: boolean
  readonly isKeyNeeded: boolean
}

/** OpenAPI 3.1 of one model: how to predict with it, with the names, types and shapes of its own tensors. */
export function describeModelApi(asked: ModelAsked): Json {
  const { registry, model, isVersionNamed, isKeyNeeded } = asked
  const { graph } = model.pool
  const version = isVersionNamed ? model.version : undefined
  const { inputs, outputs } = modelMetadata(registry, model.name, version)
  const paths = pathsOf(model.name, version, exampleOf(inputs))
  const axes = [...(graph?.inputs ?? []), ...(graph?.outputs ?? [])].map(showAxes).join(', ')
  return {
    openapi: '3.1.1',
    info: {
      title: model.name,
      version: model.version,
      description:
        graph === undefined
          ? 'Its handler needs no graph, or no worker has loaded it yet: bytes in, bytes out.'
          : `Tensors of the graph: ${axes}.`,
    },
    servers: [{ url: '/' }],
    paths: isKeyNeeded ? withKey(paths) : paths,
    components: {
      schemas: { ...sharedSchemas(), ...tensorSchemas(inputs, outputs) },
      ...(isKeyNeeded ? { securitySchemes: KEY_SCHEME } : {}),
    },
  }
}

function pathsOf(name: string, version: string | undefined, example: Json | undefined): Paths {
  const model = encodeURIComponent(name)
  const part = (between: string) =>
    version === undefined ? model : `${model}${between}${encodeURIComponent(version)}`
  const v2 = `/v2/models/${part('/versions/')}`
  const shown = example === undefined ? {} : { example }
  return {
    [`/predictions/${part('/')}`]: { post: handler('predict', 'Predict: what its handler takes') },
    [`/explanations/${part('/')}`]: { post: handler('explain', 'Explain: what its handler takes') },
    // It names no versions.
    ...(version === undefined ? { [`/v1/models/${model}:predict`]: { post: v1Predict() } } : {}),
    [`${v2}/infer`]: {
      post: infer('infer', [], inferBody(ref('InferRequest'), shown), inferAnswer(ref('InferResponse'))),
    },
    [v2]: { get: tell('metadata', 'Inputs and outputs', 'ModelMetadata') },
    [`${v2}/ready`]: { get: tell('ready', 'Whether a request would be run now', 'Ready') },
    [`${v2}/stats`]: { get: tell('stats', 'Statistics', 'Statistics') },
  }
}

function handler(id: string, summary: string): Json {
  return handlerCall(id, { tag: 'Handler', summary })
}

function v1Predict(): Json {
  return operation('v1Predict', {
    tag: 'Handler',
    summary: 'Predict for each instance',
    parameters: TERMS,
    body: jsonBody(ref('V1Request')),
    answers: { 200: answer('One entry for each.', ref('V1Response')) },
    failures: PREDICTION_FAILURES,
    form: 'KserveFailure',
  })
}

function tell(id: string, summary: string, schema: string): Json {
  return operation(id, {
    tag: 'Tensors',
    summary,
    answers: { 200: answer('Found.', ref(schema)) },
    failures: [404],
    form: 'KserveFailure',
  })
}

const SHARED = [
  'KserveFailure',
  'Datatype',
  'Ready',
  'TensorMetadata',
  'ModelMetadata',
  'Duration',
  'Statistics',
  'InferRequestedOutput',
]

function sharedSchemas(): Json {
  const kserve = Object.fromEntries(SHARED.map(name => [name, KSERVE_SCHEMAS[name]]))
  return { Failure: TORCHSERVE_SCHEMAS['Failure'], ...kserve, ...V1_SCHEMAS }
}

/** The request and the response with the tensors of this model in place of any. */
function tensorSchemas(inputs: readonly TensorMetadata[], outputs: readonly TensorMetadata[]): Json {
  const names = outputs.map(({ name }) => name)
  const { InferRequest: request, InferResponse: response } = KSERVE_SCHEMAS
  const chosen = { allOf: [ref('InferRequestedOutput'), object({ name: { enum: names } })] }
  return {
    InferRequest: withProperties(request, {
      inputs: {
        ...list({ oneOf: inputs.map(toSchema) }),
        minItems: inputs.length,
        maxItems: inputs.length,
      },
      outputs: list(chosen),
    }),
    InferResponse: withProperties(response, { outputs: list({ anyOf: outputs.map(toAnswerSchema) }) }),
  }
}

function withProperties(schema: unknown, properties: Json): Json {
  const { properties: before, ...rest } = schema as { properties: Json } // One of our own objects.
  return { ...rest, properties: { ...before, ...properties } }
}

function toSchema({ name, datatype, shape }: TensorMetadata): Json {
  return object(
    {
      name: { const: name },
      datatype: { const: datatype },
      shape: {
        type: 'array',
        prefixItems: shape.map(axis => (axis < 0 ? { type: 'integer', minimum: 0 } : { const: axis })),
        minItems: shape.length,
        maxItems: shape.length,
      },
      parameters: { type: 'object' },
      data: DATA,
    },
    ['name', 'datatype', 'shape'],
  )
}

/** An output that was asked for as classes is BYTES of another shape. */
function toAnswerSchema(tensor: TensorMetadata): Json {
  const classes = object({ name: { const: tensor.name }, datatype: { const: 'BYTES' } })
  return tensor.datatype === 'BYTES' ? classes : { anyOf: [toSchema(tensor), classes] }
}

/** One row of zeros for each input; undefined where that would be long, or cannot be written as JSON. */
function exampleOf(inputs: readonly TensorMetadata[]): Json | undefined {
  const tensors = inputs.map(({ name, datatype, shape }) => {
    const dims = shape.map(axis => (axis < 0 ? 1 : axis))
    const count = dims.reduce((product, axis) => product * axis, 1)
    const zero = datatype === 'BYTES' ? '' : datatype === 'BOOL' ? false : 0
    const isShown = count <= MAX_EXAMPLE && datatype !== 'FP16'
    return isShown
      ? { name, shape: dims, datatype, data: Array.from({ length: count }, () => zero) }
      : undefined
  })
  return tensors.includes(undefined) ? undefined : { inputs: tensors }
}

function showAxes({ name, type, shape }: TensorInfo): string {
  return `${name} ${type}[${shape.map(axis => (axis === '' ? '?' : axis)).join(', ')}]`
}
