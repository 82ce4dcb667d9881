import { setImmediate as turn } from 'node:timers/promises'
import type {
  Metadata,
  MethodDefinition,
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedHandleCall,
  sendUnaryData,
} from '@grpc/grpc-js'
import { answerCall, sendEach, type Call, type CallRules } from './call.ts'
import type { Encoded, Message } from './protobuf/message.ts'
import { untilStopping } from './requests.ts'
import { fullName, type Implementation, type Method, type Service } from './service.ts'
import { STATUS, type CallStatus } from './status.ts'

/** A service with what it does and the rules for its calls. */
export interface Served {
  readonly service: Service
  readonly implementation: Readonly<Record<string, ((request: never, call: Call) => unknown) | undefined>>
  readonly rules: CallRules
}

/** The methods that are left out are for another call of this, or are not served. */
export function serve<S extends Service>(
  service: S,
  implementation: Partial<Implementation<S>>,
  rules: CallRules,
): Served {
  return { service, implementation, rules }
}

/** Makes an empty grpc-js Metadata; the package is loaded only where gRPC is on. */
export type NewMetadata = () => Metadata

/** What the methods of one listener share. */
export interface Surroundings {
  readonly newMetadata: NewMetadata
  /** Aborted when the server is about to stop: a stream gets its answers and no further requests. */
  readonly stopping: AbortSignal
}

/** A service as grpc-js takes it: bytes in, bytes out; all else happens inside the wrapper. */
export function toGrpcJs(
  { service, implementation, rules }: Served,
  surroundings: Surroundings,
): {
  definition: Record<string, MethodDefinition<Buffer, Encoded>>
  handlers: Record<string, UntypedHandleCall>
} {
  const definition: Record<string, MethodDefinition<Buffer, Encoded>> = {}
  const handlers: Record<string, UntypedHandleCall> = {}
  for (const [name, method] of Object.entries(service.methods)) {
    const does = implementation[name]
    if (does === undefined) continue
    definition[name] = {
      path: `/${fullName(service)}/${name}`,
      requestStream: method.kind === 'both',
      responseStream: method.kind !== 'unary',
      requestDeserialize: asIs,
      requestSerialize: asIs,
      responseSerialize: writeLater,
      responseDeserialize: serverOnly,
    }
    // What reads the request has the same type table as the method.
    handlers[name] = toHandler(method, does as Does, { ...surroundings, rules })
  }
  return { definition, handlers }
}

type Does = (request: unknown, call: Call) => unknown
interface Around extends Surroundings {
  readonly rules: CallRules
}

const asIs = (bytes: Buffer) => bytes

/**
 * grpc-js asks what this gives for its length, makes room for the message behind its frame's head, and has it copy itself
 * there: so it is written where it is sent from. Another way to use it would fail at the first call.
 */
const writeLater = (message: Encoded) => message as unknown as Buffer

function serverOnly(): never {
  throw new Error('A server does not read answers')
}

function toHandler({ kind, request, response }: Method, does: Does, around: Around): UntypedHandleCall {
  const read = (bytes: Buffer) => request.decode(bytes)
  const write = (value: unknown) => (response as Message<unknown>).prepare(value)
  if (kind === 'unary')
    return unaryHandler(async (bytes, call) => write(await does(read(bytes), call)), around)
  if (kind === 'answers') {
    return answersHandler(
      (bytes, call) => mapEach(does(read(bytes), call) as AsyncIterable<unknown>, write),
      around,
    )
  }
  return bothHandler((all, call) => {
    const requests = mapEach(all, read)
    return mapEach(does(requests, call) as AsyncIterable<unknown>, write)
  }, around)
}

async function* mapEach<From, To>(all: AsyncIterable<From>, to: (one: From) => To): AsyncGenerator<To> {
  for await (const one of all) yield to(one)
}

function unaryHandler(
  does: (bytes: Buffer, call: Call) => Promise<Encoded>,
  { rules, newMetadata }: Around,
): UntypedHandleCall {
  return (raw: ServerUnaryCall<Buffer, Encoded>, callback: sendUnaryData<Encoded>) => {
    void respond(callback)

    async function respond(send: sendUnaryData<Encoded>): Promise<void> {
      let answer: Encoded | undefined
      const status = await answerCall(raw, rules, async call => {
        answer = await does(raw.request, call)
      })
      if (status.code === STATUS.ok) send(null, answer)
      else send(withMetadata(status, newMetadata))
    }
  }
}

function answersHandler(
  does: (bytes: Buffer, call: Call) => AsyncIterable<Encoded>,
  { rules, newMetadata }: Around,
): UntypedHandleCall {
  return (raw: ServerWritableStream<Buffer, Encoded>) => {
    const answering = answerCall(raw, rules, call => sendEach(raw, does(raw.request, call), call))
    void answering.then(status => endStream(raw, status, newMetadata))
  }
}

function bothHandler(
  does: (all: AsyncIterable<Buffer>, call: Call) => AsyncIterable<Encoded>,
  { rules, newMetadata, stopping }: Around,
): UntypedHandleCall {
  return (raw: ServerDuplexStream<Buffer, Encoded>) => {
    // grpc-js types what it reads as unknown; the definition above says that it is bytes.
    const requests: AsyncIterable<Buffer> = raw.iterator({ destroyOnReturn: false })
    const answering = answerCall(raw, rules, async call => {
      await sendEach(raw, does(untilStopping(requests, stopping), call), call)
      // A stream that is cancelled looks at first as if its client had sent all.
      await turn()
    })
    void answering.then(status => endStream(raw, status, newMetadata))
  }
}

function endStream(
  raw: ServerWritableStream<Buffer, Encoded> | ServerDuplexStream<Buffer, Encoded>,
  status: CallStatus,
  newMetadata: NewMetadata,
): void {
  if (status.code === STATUS.ok) raw.end()
  else raw.emit('error', withMetadata(status, newMetadata))
}

/** gRPC's own way to say when to try again: https://github.com/grpc/proposal/blob/master/A6-client-retries.md */
function withMetadata({ code, details, retryAfterMs }: CallStatus, newMetadata: NewMetadata) {
  const metadata = newMetadata()
  if (retryAfterMs !== undefined) metadata.set('grpc-retry-pushback-ms', String(retryAfterMs))
  return { code, details, metadata }
}
