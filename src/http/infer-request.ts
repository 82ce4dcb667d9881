/** An inference request of the Open Inference Protocol: its JSON, and the binary tensors behind it. */
import { isUtf8 } from 'node:buffer'
import { failure } from '../errors.ts'
import { clip, makeTensor, type TensorHead } from '../inference/infer-input.ts'
import { readClasses, refuseReserved, refuseSharedMemory } from '../inference/infer-parameters.ts'
import type { WireTensor } from '../runtime/datatype.ts'
import { JsonReader, type Json } from './json-reader.ts'
import { scanTensor } from './tensor-json.ts'

export type JsonParameters = Readonly<Record<string, Json>>

export interface RequestedOutput {
  readonly name: string
  /** Undefined: as the request says for all. */
  readonly isBinary: boolean | undefined
  /** How many classes, where the output is to become its best ones. */
  readonly classes: number | undefined
}

export interface InferRequest {
  readonly id: string | undefined
  readonly parameters: JsonParameters
  readonly tensors: readonly WireTensor[]
  readonly outputs: readonly RequestedOutput[]
  /** Whether outputs are binary where nothing else is said of them. */
  readonly isBinaryOutput: boolean
}

const MAX_TENSORS = 1000
const NOTHING = Buffer.alloc(0)

/** Throws BAD_REQUEST for whatever is not such a request. `binary` are the bytes behind the JSON. */
export function readInferRequest(json: Buffer, binary: Buffer): InferRequest {
  // Decoding would put a replacement character in the place of each wrong byte, also in tensors.
  if (!isUtf8(json)) throw failure('BAD_REQUEST', 'failed to parse the request JSON: expected UTF-8 text')
  const reader = new JsonReader(json)
  const request = { id: undefined as string | undefined, parameters: {} as JsonParameters }
  const rest = new BinaryRest(binary)
  let tensors: WireTensor[] | undefined
  let outputs: RequestedOutput[] = []
  for (const name of reader.members('the request')) {
    if (name === 'id') request.id = readId(reader)
    else if (name === 'parameters') request.parameters = readParameters(reader)
    else if (name === 'inputs') tensors = readInputs(reader, rest)
    else if (name === 'outputs') outputs = readOutputs(reader)
    else reader.value()
  }
  reader.end()
  if (tensors === undefined)
    throw failure('BAD_REQUEST', "Unable to parse 'inputs': expected a list of tensors")
  rest.end()
  refuseReserved(request.parameters, 'HTTP')
  const isBinaryOutput = flag(request.parameters, 'binary_data_output') ?? false
  return { ...request, tensors, outputs, isBinaryOutput }
}

/** The bytes behind the JSON, handed out in the order of the inputs. */
class BinaryRest {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  take(size: Json, name: string): Buffer {
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
      const got = clip(JSON.stringify(size))
      throw failure(
        'BAD_REQUEST',
        `binary_data_size of input '${clip(name)}' must be a whole number >= 0, got ${got}`,
      )
    }
    const left = this.#bytes.length - this.#at
    if (size > left) {
      throw failure(
        'BAD_REQUEST',
        `unexpected size for input '${clip(name)}', expecting ${size} bytes as its binary_data_size says, got ${left}`,
      )
    }
    return this.#bytes.subarray(this.#at, (this.#at += size))
  }

  end(): void {
    const left = this.#bytes.length - this.#at
    if (left === 0) return
    throw failure(
      'BAD_REQUEST',
      `unexpected additional input data: ${left} bytes behind those that the inputs declare`,
    )
  }
}

function readId(reader: JsonReader): string | undefined {
  const id = reader.value()
  if (id === null) return undefined
  if (typeof id === 'string') return id
  throw failure('BAD_REQUEST', "Unable to parse 'id': expected a string")
}

function readParameters(reader: JsonReader): JsonParameters {
  const value = reader.value()
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw failure('BAD_REQUEST', "Unable to parse 'parameters': expected an object")
}

function readInputs(reader: JsonReader, rest: BinaryRest): WireTensor[] {
  const tensors: WireTensor[] = []
  const names = new Set<string>()
  for (const index of reader.elements("'inputs'")) {
    if (index >= MAX_TENSORS) throw failure('BAD_REQUEST', `expected at most ${MAX_TENSORS} inputs`)
    const tensor = readInput(reader, rest)
    if (names.has(tensor.name)) {
      throw failure('BAD_REQUEST', `input '${clip(tensor.name)}' already exists in request`)
    }
    names.add(tensor.name)
    tensors.push(tensor)
  }
  return tensors
}

interface InputMembers {
  name?: string
  datatype?: string
  shape?: number[]
  parameters: JsonParameters
  /** Where the data begins in the JSON, and what it is, where that could be told already. */
  dataAt?: number
  data?: Uint8Array
}

function readInput(reader: JsonReader, rest: BinaryRest): WireTensor {
  const members = readMembers(reader)
  const head = headOf(members)
  const { parameters, dataAt } = members
  refuseSharedMemory(parameters)
  const size = parameters['binary_data_size']
  if (size === undefined && dataAt === undefined) {
    throw failure('BAD_REQUEST', `Unable to find 'data' or 'binary_data_size' of input '${clip(head.name)}'`)
  }
  if (size !== undefined && dataAt !== undefined) {
    throw failure(
      'BAD_REQUEST',
      `input '${clip(head.name)}' has 'data' and 'binary_data_size', expected one of them`,
    )
  }
  if (size !== undefined) return makeTensor(head, rest.take(size, head.name))
  if (members.data !== undefined) return makeTensor(head, members.data)
  const data = new JsonReader(reader.bytes)
  data.at = dataAt ?? 0
  return makeTensor(head, scanTensor(data, head, parameters['content_type'] === 'base64' ? 'base64' : 'utf8'))
}

/** All members; data is passed over where what it means stands behind it. */
function readMembers(reader: JsonReader): InputMembers {
  const members: InputMembers = { parameters: {} }
  for (const name of reader.members('an input')) {
    if (name === 'data') {
      members.dataAt = (reader.peek(), reader.at)
      readData(reader, members)
    } else if (name === 'name') members.name = readText(reader, 'name')
    else if (name === 'datatype') members.datatype = readText(reader, 'datatype')
    else if (name === 'shape') members.shape = readShape(reader)
    else if (name === 'parameters') members.parameters = readParameters(reader)
    else reader.value()
  }
  return members
}

function readData(reader: JsonReader, members: InputMembers): void {
  const { name, datatype, shape } = members
  const isKnown = name !== undefined && shape !== undefined && datatype !== undefined
  // Text may be base64, which is said in the parameters.
  if (isKnown && datatype !== 'BYTES') members.data = scanTensor(reader, { name, datatype, shape })
  else reader.skip()
}

function headOf({ name, datatype, shape }: InputMembers): TensorHead {
  if (name === undefined) throw failure('BAD_REQUEST', "Unable to parse 'inputs': an input has no 'name'")
  if (datatype === undefined)
    throw failure('BAD_REQUEST', `Unable to find 'datatype' of input '${clip(name)}'`)
  if (shape === undefined) throw failure('BAD_REQUEST', `Unable to find 'shape' of input '${clip(name)}'`)
  return { name, datatype, shape }
}

function readText(reader: JsonReader, what: string): string {
  const value = reader.value()
  if (typeof value === 'string' && value !== '') return value
  throw failure('BAD_REQUEST', `Unable to parse '${what}': expected a string that is not empty`)
}

function readShape(reader: JsonReader): number[] {
  const value = reader.value()
  // countElements looks at the numbers.
  if (Array.isArray(value) && value.every(axis => typeof axis === 'number')) return value
  throw failure('BAD_REQUEST', "Unable to parse 'shape': expected a list of whole numbers")
}

function readOutputs(reader: JsonReader): RequestedOutput[] {
  const outputs: RequestedOutput[] = []
  const names = new Set<string>()
  for (const index of reader.elements("'outputs'")) {
    if (index >= MAX_TENSORS) throw failure('BAD_REQUEST', `expected at most ${MAX_TENSORS} outputs`)
    const output = readOutput(reader)
    if (names.has(output.name)) {
      throw failure('BAD_REQUEST', `output '${clip(output.name)}' already requested`)
    }
    names.add(output.name)
    outputs.push(output)
  }
  return outputs
}

function readOutput(reader: JsonReader): RequestedOutput {
  let name: string | undefined
  let parameters: JsonParameters = {}
  for (const member of reader.members('an output')) {
    if (member === 'name') name = readText(reader, 'name')
    else if (member === 'parameters') parameters = readParameters(reader)
    else reader.value()
  }
  if (name === undefined) throw failure('BAD_REQUEST', "Unable to parse 'outputs': an output has no 'name'")
  refuseSharedMemory(parameters)
  return { name, isBinary: flag(parameters, 'binary_data'), classes: readClasses(parameters, name) }
}

function flag(parameters: JsonParameters, name: string): boolean | undefined {
  const value = parameters[name]
  if (value === undefined || typeof value === 'boolean') return value
  throw failure('BAD_REQUEST', `Unable to parse '${name}': expected true or false`)
}

/**
 * The parts of a body: its JSON and the binary data behind it, by `Inference-Header-Content-Length`. Undefined: the
 * header is 0, and the whole body is the data of the one input. Throws BAD_REQUEST.
 */
export function splitBody(
  body: Buffer,
  headerLength: string | undefined,
): { json: Buffer; binary: Buffer } | undefined {
  if (headerLength === undefined) return { json: body, binary: NOTHING }
  const length = /^\d{1,15}$/.test(headerLength.trim()) ? Number(headerLength) : -1
  if (length < 0) {
    throw failure(
      'BAD_REQUEST',
      `Unable to parse Inference-Header-Content-Length, got '${clip(headerLength)}', expected a whole number >= 0`,
    )
  }
  if (length > body.length) {
    throw failure(
      'BAD_REQUEST',
      `unexpected end of request: Inference-Header-Content-Length is ${length}, which exceeds the body of ${body.length} bytes`,
    )
  }
  if (length === 0) return undefined
  return { json: body.subarray(0, length), binary: body.subarray(length) }
}
