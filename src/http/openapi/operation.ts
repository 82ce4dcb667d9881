/** The pieces that OpenAPI documents are made of. https://spec.openapis.org/oas/v3.1.1 */

export type Json = Readonly<Record<string, unknown>>

/** The operations of paths, as a document has them. */
export type Paths = Readonly<Record<string, Json>>

/** What the error bodies of a part of the API look like; see the components of that name. */
export type FailureForm = 'Failure' | 'KserveFailure'

interface OperationParts {
  readonly tag: string
  readonly summary: string
  readonly parameters?: readonly Json[]
  readonly body?: Json
  /** By status. */
  readonly answers: Readonly<Record<number, Json>>
  /** Statuses of what can be expected to go wrong. */
  readonly failures?: readonly (keyof typeof FAILURES)[]
  readonly form?: FailureForm
}

const FAILURES = {
  400: 'What the client sent is wrong; the text says what was expected.',
  403: 'It is not allowed.',
  404: 'There is no such model or version.',
  405: 'It is switched off in the configuration (enable_model_api).',
  408: 'It took longer than it may.',
  409: 'That version is registered already.',
  413: 'The request is larger than max_request_size.',
  415: 'The Content-Encoding is not supported.',
  500: 'The server or the model failed.',
  501: 'It is not served.',
  503: 'No worker can take it now; Retry-After says when to come again.',
  504: "The client's own deadline has passed.",
} as const

export function operation(operationId: string, parts: OperationParts): Json {
  const { tag, summary, parameters = [], body, answers, failures = [], form = 'Failure' } = parts
  const failed = failures.map(status => [status, failureAnswer(FAILURES[status], form)] as const)
  return {
    operationId,
    tags: [tag],
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: body }),
    responses: {
      ...answers,
      ...Object.fromEntries(failed),
      default: failureAnswer('Anything else that went wrong.', form),
    },
  }
}

function failureAnswer(description: string, form: FailureForm): Json {
  return { description, content: { 'application/json': { schema: ref(form) } } }
}

export function ref(name: string): Json {
  return { $ref: `#/components/schemas/${name}` }
}

/** An answer of JSON. */
export function answer(description: string, schema: Json): Json {
  return { description, content: { 'application/json': { schema } } }
}

/** A body of JSON. */
export function jsonBody(schema: Json, more: Json = {}): Json {
  return { content: { 'application/json': { schema, ...more } } }
}

export function inPath(name: string, description: string): Json {
  return { in: 'path', name, required: true, description, schema: { type: 'string' } }
}

export function inQuery(name: string, schema: Json, description: string): Json {
  return { in: 'query', name, description, schema }
}

/** An object of these properties; those named are always there. */
export function object(properties: Json, required: readonly string[] = Object.keys(properties)): Json {
  return { type: 'object', properties, ...(required.length === 0 ? {} : { required }) }
}

export function list(items: Json): Json {
  return { type: 'array', items }
}

export const TEXT = { type: 'string' } as const
export const WHOLE = { type: 'integer' } as const
export const FLAG = { type: 'boolean' } as const

/** What any request for a prediction may ask for beside its answer. */
export const TERMS: readonly Json[] = [
  {
    in: 'header',
    name: 'x-request-timeout-ms',
    description: 'Milliseconds after which the answer is of no use any more; it is 504 then.',
    schema: { type: 'number', exclusiveMinimum: 0 },
  },
  {
    in: 'header',
    name: 'x-request-priority',
    description: 'Who is next among the requests that wait.',
    schema: { enum: ['high', 'normal', 'low'], default: 'normal' },
  },
]

export const MODEL = inPath('model_name', 'Name of a registered model.')
export const VERSION = inPath(
  'model_version',
  'Version of the model; without it the default version is meant.',
)
