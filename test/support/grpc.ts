import {
  Client,
  credentials,
  Metadata,
  type CallOptions,
  type ChannelCredentials,
  type ClientOptions,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js'
import { loadProtos } from './protos.ts'

const protos = loadProtos()

/** What a call came to: its answer, or its status. */
export type Outcome = { readonly answer: unknown } | { readonly code: number; readonly details: string }

export interface CallSettings extends CallOptions {
  readonly metadata?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

export interface OpenStream {
  /** Sends a request and waits for the next answer. */
  ask(request: unknown): Promise<unknown>
  readonly code: Promise<number>
  cancel(): void
}

/** A client of grpc-js that reads and writes with the .proto files. */
export class GrpcClient {
  readonly raw: Client

  constructor(
    address: string,
    options: ClientOptions = {},
    keys: ChannelCredentials = credentials.createInsecure(),
  ) {
    this.raw = new Client(address, keys, options)
  }

  /** Calls `package.Service/Method`; throws what is not a status. */
  call(
    path: string,
    request: unknown,
    { metadata = {}, signal, ...options }: CallSettings = {},
  ): Promise<Outcome> {
    const { path: route, requestSerialize, responseDeserialize } = methodOf(path)
    return new Promise(resolve => {
      const call = this.raw.makeUnaryRequest(
        route,
        requestSerialize,
        responseDeserialize,
        request,
        toMetadata(metadata),
        options,
        (error, answer) => resolve(error === null ? { answer } : toStatus(error)),
      )
      signal?.addEventListener('abort', () => call.cancel())
    })
  }

  /** The answer of a call that has to work. */
  async ask(path: string, request: unknown = {}, settings: CallSettings = {}): Promise<unknown> {
    const outcome = await this.call(path, request, settings)
    if ('answer' in outcome) return outcome.answer
    throw new Error(`${path}: ${outcome.code} ${outcome.details}`)
  }

  /** The messages of a streaming call, and the status after them. */
  async stream(
    path: string,
    requests: readonly unknown[],
    { metadata = {}, ...options }: CallSettings = {},
  ): Promise<{ messages: unknown[]; code: number }> {
    const { path: route, requestSerialize, responseDeserialize, requestStream } = methodOf(path)
    const messages: unknown[] = []
    const given = toMetadata(metadata)
    const open = () => {
      if (!requestStream) {
        return this.raw.makeServerStreamRequest(
          route,
          requestSerialize,
          responseDeserialize,
          requests[0],
          given,
          options,
        )
      }
      const both = this.raw.makeBidiStreamRequest(
        route,
        requestSerialize,
        responseDeserialize,
        given,
        options,
      )
      for (const request of requests) both.write(request)
      both.end()
      return both
    }
    const call = open()
    return new Promise(resolve => {
      call.on('data', message => messages.push(message))
      call.on('error', () => {}) // 'status' tells.
      call.on('status', ({ code }) => resolve({ messages, code }))
    })
  }

  /** A call whose client may send and read for as long as it likes. */
  openStream(path: string): OpenStream {
    const { path: route, requestSerialize, responseDeserialize } = methodOf(path)
    const call = this.raw.makeBidiStreamRequest(route, requestSerialize, responseDeserialize)
    call.on('error', () => {}) // 'status' tells.
    return {
      ask: request =>
        new Promise(resolve => {
          call.once('data', resolve)
          call.write(request)
        }),
      code: new Promise(resolve => call.on('status', ({ code }) => resolve(code))),
      cancel: () => call.cancel(),
    }
  }

  close(): void {
    this.raw.close()
  }
}

export function methodOf(path: string): MethodDefinition<unknown, unknown> {
  const [service = '', name = ''] = path.split('/')
  const methods = protos[service]
  const method = methods === undefined ? undefined : Reflect.get(methods, name)
  if (method === undefined) throw new Error(`The .proto files have no ${path}`)
  // A member of a service is a method.
  return method as MethodDefinition<unknown, unknown>
}

function toMetadata(entries: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(entries)) metadata.set(name, value)
  return metadata
}

function toStatus({ code, details }: ServiceError): Outcome {
  return { code, details }
}
