import { operation, TERMS, TEXT, type Json } from './operation.ts'

/** What can be expected to go wrong with a prediction. */
export const PREDICTION_FAILURES = [400, 404, 413, 500, 503, 504] as const

const ANY_BODY = {
  description: 'As the handler takes it: bytes, text, JSON, a form or multipart/form-data.',
  content: {
    'application/json': { schema: {} },
    'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
    'multipart/form-data': { schema: { type: 'object' } },
    'text/plain': { schema: TEXT },
  },
}

const ANY_ANSWER = {
  description: "The handler's answer.",
  content: { '*/*': { schema: {} } },
}

interface HandlerCall {
  readonly tag: string
  readonly summary: string
  readonly parameters?: readonly Json[]
}

/** An operation that takes whatever the handler takes and answers what it answers. */
export function handlerCall(id: string, { tag, summary, parameters = [] }: HandlerCall): Json {
  return operation(id, {
    tag,
    summary,
    parameters: [...parameters, ...TERMS],
    body: ANY_BODY,
    answers: { 200: ANY_ANSWER },
    failures: PREDICTION_FAILURES,
  })
}
