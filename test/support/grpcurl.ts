/**
 * What grpcurl does, as far as examples/ use it: `-plaintext [-d JSON] ADDRESS list | package.Service/Method`. It knows the
 * reflection service and nothing else of the server; what it calls it learns from that.
 */
import { Client, credentials, type MethodDefinition } from '@grpc/grpc-js'
import { loadFileDescriptorSetFromBuffer, type PackageDefinition } from '@grpc/proto-loader'
import { parseArgs } from 'node:util'
import { loadProtos } from './protos.ts'

const { values, positionals } = parseArgs({
  // Go's flags have one dash.
  args: process.argv.slice(2).map(one => one.replace(/^-(?=plaintext$)/, '--')),
  allowPositionals: true,
  options: { plaintext: { type: 'boolean' }, d: { type: 'string', short: 'd', default: '{}' } },
})
const [address = '', asked = ''] = positionals
const client = new Client(address, credentials.createInsecure())
const reflection = methodOf(loadProtos(), 'grpc.reflection.v1.ServerReflection/ServerReflectionInfo')

if (asked === 'list') {
  const { list_services_response: list } = await reflect({ list_services: '*' })
  for (const { name } of list?.service ?? []) console.log(name)
} else {
  const [service = ''] = asked.split('/')
  const { file_descriptor_response: files } = await reflect({ file_containing_symbol: service })
  const set = Buffer.concat((files?.file_descriptor_proto ?? []).map(toSetEntry))
  const described = loadFileDescriptorSetFromBuffer(set, { keepCase: true, longs: String, bytes: String })
  const method = methodOf(described, asked)
  console.log(JSON.stringify(await call(method, withEntries(JSON.parse(values.d) as object, method))))
}
client.close()

/** What proto-loader adds to a method of grpc-js. */
interface ProtoMethod extends MethodDefinition<object, object> {
  readonly requestType: {
    readonly type: { readonly field: readonly { readonly name: string; readonly typeName: string }[] }
  }
}

interface Reflected {
  readonly list_services_response?: { readonly service: readonly { readonly name: string }[] }
  readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Buffer[] }
  readonly error_response?: { readonly error_message: string }
}

async function reflect(request: object): Promise<Reflected> {
  const { path, requestSerialize, responseDeserialize } = reflection
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize)
  stream.end(request)
  for await (const message of stream) {
    // What the .proto file says of an answer.
    const answer = message as Reflected
    if (answer.error_response) throw new Error(answer.error_response.error_message)
    return answer
  }
  throw new Error('The server has no reflection')
}

/** A FileDescriptorSet has each file as its field 1. */
function toSetEntry(file: Buffer): Buffer {
  const length: number[] = []
  for (let left = file.length; left > 0; left >>>= 7) length.push(left > 0x7f ? (left & 0x7f) | 0x80 : left)
  return Buffer.concat([Buffer.from([0x0a, ...length]), file])
}

function methodOf(definitions: PackageDefinition, path: string): ProtoMethod {
  const [service = '', name = ''] = path.split('/')
  const found: unknown = Reflect.get(Object(definitions[service]), name)
  if (found === undefined) throw new Error(`There is no ${path}`)
  // A member of a service is a method.
  return found as ProtoMethod
}

/** protobuf.js takes the maps of a descriptor for what they are on the wire: lists of entries. */
function withEntries(request: object, { requestType }: ProtoMethod): object {
  const { type } = requestType
  const entries = Object.entries(request).map(([name, value]) => {
    const isMap = type.field.some(field => field.name === name && field.typeName.endsWith('Entry'))
    return [name, isMap ? Object.entries(Object(value)).map(([key, one]) => ({ key, value: one })) : value]
  })
  return Object.fromEntries(entries) as object
}

function call(
  { path, requestSerialize, responseDeserialize }: MethodDefinition<object, object>,
  request: object,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) => {
      if (error === null) resolve(answer)
      else reject(error)
    })
  })
}
