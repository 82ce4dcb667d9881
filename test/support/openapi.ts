/** OpenAPI documents as tests read them. */
import { Ajv2020 } from 'ajv/dist/2020.js'

export interface OpenApi {
  readonly openapi: string
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, unknown>>
    readonly securitySchemes?: unknown
  }
}

interface Operation {
  readonly operationId: string
  readonly parameters?: readonly unknown[]
  readonly security?: unknown
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Content>> }>>
  readonly requestBody?: { readonly content: Readonly<Record<string, Content>> }
}

interface Content {
  readonly schema: object
  readonly example?: unknown
}

const METHODS = new Set(['get', 'put', 'post', 'delete', 'options', 'patch'])

/** `GET /models/{}`: each operation, with the names of its parameters left out. */
export function operationsOf({ paths }: OpenApi): string[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item)
      .filter(key => METHODS.has(key))
      // KServe's verbs stand in the same segment as the model.
      .map(method => `${method.toUpperCase()} ${path.replaceAll(/\{\w+\}(?::\w+)?/g, '{}')}`),
  )
}

/** What is wrong with a value by a schema of the document, in a sentence each. */
export function complaints(document: OpenApi, schema: unknown, value: unknown): string[] {
  const ajv = new Ajv2020({ strict: false, allErrors: true, formats: { 'date-time': true, binary: true } })
  ajv.addSchema({ $id: 'api', components: document.components })
  // A reference within the document becomes one into the document under its name.
  const text = JSON.stringify(schema).replaceAll('"#/components', '"api#/components')
  const check = ajv.compile(JSON.parse(text) as object)
  check(value)
  return (check.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
}
