import type { FastifyRequest } from 'fastify'
import { failure } from '../errors.ts'

/**
 * The parameters of a management request by TorchServe's rules: from the query, where the first of a repeated one
 * counts, or from a JSON object as the body, which then counts alone. A number or a flag that is none is its default.
 */
export class Parameters {
  readonly #values: ReadonlyMap<string, unknown>

  private constructor(values: Iterable<readonly [string, unknown]>) {
    this.#values = new Map(values)
  }

  /** Of the query only. */
  static ofQuery(request: FastifyRequest): Parameters {
    // Fastify's parser gives an object without a prototype; a repeated key is an array.
    const query = Object.entries(request.query as Record<string, unknown>)
    return new Parameters(
      query.map(([name, value]) => [name, Array.isArray(value) ? (value[0] as unknown) : value]),
    )
  }

  /** Of the body where it is JSON, else of the query. Throws BAD_JSON. */
  static of(request: FastifyRequest): Parameters {
    const mediaType = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase()
    if (mediaType !== 'application/json') return Parameters.ofQuery(request)
    const body = request.body instanceof Uint8Array ? Buffer.from(request.body).toString('utf8') : ''
    const parsed = parseJson(body)
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
      throw failure('BAD_JSON', 'Expected a JSON object with the parameters.')
    }
    return new Parameters(Object.entries(parsed))
  }

  text(name: string): string | undefined {
    const value = this.#values.get(name)
    return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
  }

  integer(name: string): number | undefined {
    const text = this.text(name)
    return text !== undefined && /^[+-]?\d{1,9}$/.test(text) ? Number(text) : undefined
  }

  /** As Java's parseBoolean: `true` in any case, and nothing else. */
  flag(name: string, fallback: boolean): boolean {
    const value = this.#values.get(name)
    if (value === undefined) return fallback
    return value === true || (typeof value === 'string' && value.toLowerCase() === 'true')
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw failure('BAD_JSON', `The body is not JSON: ${error instanceof Error ? error.message : ''}`)
  }
}
