import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import { parseAddress, type Address } from '../config/address.ts'
import { showValue } from '../config/shown.ts'

/** One call of the management API. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  /** What is undefined is not sent. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
}

/** A server that cannot be asked, or that says no; the text is for a person. */
export class ManagementError extends Error {
  override readonly name = 'ManagementError'
  /** The HTTP status of a refusal; undefined when there was no answer. */
  readonly status: number | undefined

  constructor(message: string, status?: number) {
    super(message)
    this.status = status
  }
}

export const DEFAULT_ADDRESS = 'http://127.0.0.1:8081'

/** Calls the management API of a running server. There is no time limit: a model may take long to load. */
export class ManagementClient {
  readonly #address: Address
  readonly #token: string | undefined

  /** Throws ManagementError for an address that is none. */
  constructor(address: string, token?: string) {
    const parsed = parseAddress(address.replace(/(?<=[^:/])\/$/, ''), { http: 8081, https: 8444 })
    if (parsed === undefined) {
      const expected = 'expected http://host[:port], https://host[:port] or unix:/absolute/path'
      throw new ManagementError(`--management-address is ${showValue(address)}; ${expected}`)
    }
    this.#address = parsed
    this.#token = token
  }

  /** The answer's JSON. Throws ManagementError with the server's own words where it refuses. */
  async call(call: Call): Promise<object> {
    const { status, body } = await this.#send(call).catch((error: unknown) => {
      throw new ManagementError(this.#explain(error))
    })
    const answer = parseJson(body)
    if (status >= 400) throw new ManagementError(refusalText(status, answer, body), status)
    if (typeof answer !== 'object' || answer === null) {
      throw new ManagementError(
        `${this.#address.text} does not answer as a management API: ${showValue(body)}`,
      )
    }
    return answer
  }

  #send({ method, path, query = {} }: Call): Promise<{ status: number; body: string }> {
    const search = new URLSearchParams()
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) search.set(name, String(value))
    }
    const options: RequestOptions = {
      ...this.#place(),
      method,
      path: search.size === 0 ? path : `${path}?${search.toString()}`,
      headers: {
        accept: 'application/json',
        ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
      },
      agent: false,
    }
    const isEncrypted = this.#address.kind === 'tcp' && this.#address.scheme === 'https'
    return new Promise((resolve, reject) => {
      const read = (response: IncomingMessage) => {
        text(response).then(body => resolve({ status: response.statusCode ?? 0, body }), reject)
      }
      const sent = isEncrypted ? httpsRequest(options, read) : httpRequest(options, read)
      sent.once('error', reject)
      sent.end()
    })
  }

  #place(): RequestOptions {
    const address = this.#address
    return address.kind === 'unix' ? { socketPath: address.path } : { host: address.host, port: address.port }
  }

  #explain(error: unknown): string {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    const { text: address } = this.#address
    if (/^(?:ECONNREFUSED|ENOENT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH)$/.test(code)) {
      return `No server answers at ${address} (${code}). Is it running? --management-address says where.`
    }
    if (/CERT|SIGNED/.test(code)) {
      return `The certificate of ${address} is not trusted (${code}). NODE_EXTRA_CA_CERTS names a file with its authority.`
    }
    return `The call to ${address} failed: ${code}`
  }
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** `404 Model not found: x`, and the reason where the server gives one. */
function refusalText(status: number, answer: unknown, body: string): string {
  if (typeof answer !== 'object' || answer === null) return [status, showValue(body)].join(' ').trim()
  const { message, status: said, reason } = answer as Record<string, unknown>
  const words = [message ?? said, reason].filter(word => typeof word === 'string')
  return [status, ...(words.length === 0 ? [showValue(body)] : words)].join(' ')
}
