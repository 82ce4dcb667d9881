import { expect, test } from 'vitest'
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader'
import { describeFiles } from '../../../../src/grpc/protobuf/descriptor.ts'
import {
  GRPCInferenceService,
  TorchServeGRPCInferenceService,
} from '../../../../src/grpc/services-open-inference.ts'
import { Health, ServerReflection, ServerReflectionAlpha } from '../../../../src/grpc/services-standard.ts'
import { InferenceAPIsService, ManagementAPIsService } from '../../../../src/grpc/services-torchserve.ts'
import { loadProtos } from '../../../support/protos.ts'

const files = describeFiles([
  InferenceAPIsService,
  ManagementAPIsService,
  GRPCInferenceService,
  TorchServeGRPCInferenceService,
  Health,
  ServerReflection,
  ServerReflectionAlpha,
])

/** A FileDescriptorSet: each file as field 1. */
function toSet(): Buffer {
  const parts = files.flatMap(({ bytes }) => {
    const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7]
    return [Buffer.from([0x0a, ...length]), bytes]
  })
  return Buffer.concat(parts)
}

const told = loadFileDescriptorSetFromBuffer(toSet(), { keepCase: true, longs: String, bytes: Buffer })
const written = loadProtos()

const ours = Object.keys(written).filter(name => /^(inference|org\.pytorch|google\.rpc|grpc)\./.test(name))

/** What a declaration says, without what only a parser of files adds. */
function essence(declared: unknown): unknown {
  const { type } = declared as { type?: { field?: object[]; oneofDecl?: object[] } }
  if (type === undefined) return Object.keys(Object(declared)).toSorted()
  const text = JSON.stringify(type, (key, value: unknown) => {
    if (LEFT_OUT.has(key)) return undefined
    // A name is as long as it is written, or as it has to be.
    return key === 'typeName' ? String(value).split('.').at(-1) : value
  })
  // protobuf.js names the entries of a map without the word that protoc, and so everybody else, puts behind.
  return JSON.parse(text.replaceAll('Entry"', '"')) as unknown
}
const LEFT_OUT = new Set(['jsonName', 'options', 'defaultValue', 'proto3Optional', 'oneofIndex', 'oneofDecl'])

test('the files of proto/ and the tables of the server declare the same', () => {
  expect(ours.length).toBeGreaterThan(90)
  expect(Object.fromEntries(ours.map(name => [name, essence(told[name])]))).toEqual(
    Object.fromEntries(ours.map(name => [name, essence(written[name])])),
  )
})

test('maps, choices and enumerations are described as such', () => {
  const text = JSON.stringify(told['inference.InferParameter'])
  expect(text).toContain('parameter_choice')
  expect(JSON.stringify(told['grpc.health.v1.HealthCheckResponse'])).toContain('SERVICE_UNKNOWN')
  expect(JSON.stringify(told['inference.DataType'])).toContain('TYPE_BF16')
  expect(JSON.stringify(told['inference.ModelInferRequest'])).toContain('"mapEntry":true')
})

test('a file names the files that it imports, and all that it declares', () => {
  const file = files.find(({ name }) => name === 'inference.proto')
  expect(file?.imports).toEqual(['google/rpc/status.proto', 'google/protobuf/empty.proto'])
  expect(file?.symbols).toContain('org.pytorch.serve.grpc.inference.InferenceAPIsService.Ping')
  expect(files.map(({ name }) => name)).toContain('google/protobuf/any.proto')
})
