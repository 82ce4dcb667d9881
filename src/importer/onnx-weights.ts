import { open, readFile, type FileHandle } from 'node:fs/promises'
import { dtype, factsOf } from './dtypes.ts'
import { refusal } from './refusal.ts'
import { isCounter, throwProblems, type StateDict } from './state-dict.ts'
import { StoredTensor } from './stored-tensor.ts'

/** A constant of an ONNX graph, and where its bytes stand in the file. */
interface Constant {
  readonly name: string
  readonly shape: readonly number[]
  readonly type: number
  readonly start: number
  readonly end: number
}

/**
 * Puts the weights of a state_dict into an ONNX model by name and writes the result to `target`. A name ending in `.T`
 * is a weight with rows and columns exchanged. Throws IMPORT_REFUSED with the names that do not fit.
 */
export async function swapOnnxWeights(model: string, weights: StateDict, target: string): Promise<number> {
  const bytes = await readFile(model)
  const constants = readConstants(bytes)
  const { found, problems } = match(constants, weights)
  throwProblems(problems)
  for (const [constant, tensor] of found) tensor.read().copy(bytes, constant.start)
  const file: FileHandle = await open(target, 'w')
  try {
    await file.writeFile(bytes)
  } finally {
    await file.close()
  }
  return found.length
}

function match(constants: ReadonlyMap<string, Constant>, weights: StateDict) {
  const found: [Constant, StoredTensor][] = []
  const problems = {
    missing: missingNames(constants, weights),
    unexpected: [] as string[],
    misshapen: [] as string[],
  }
  for (const [name, tensor] of weights.tensors) {
    const places = placesOf(constants, name, tensor)
    if (places.length === 0 && !isCounter(name)) problems.unexpected.push(name)
    for (const [constant, given] of places)
      if (fits(constant, given)) found.push([constant, given])
      else
        problems.misshapen.push(`${name} ([${tensor.shape.join(', ')}] for [${constant.shape.join(', ')}])`)
  }
  return { found, problems }
}

/** The constants that a weight goes to, with the weight as each of them has it. */
function placesOf(
  constants: ReadonlyMap<string, Constant>,
  name: string,
  tensor: StoredTensor,
): [Constant, StoredTensor][] {
  const [plain, turned] = [constants.get(name), constants.get(`${name}.T`)]
  const places: [Constant, StoredTensor][] = []
  if (plain !== undefined) places.push([plain, tensor])
  if (turned !== undefined) places.push([turned, transposed(tensor)])
  return places
}

function missingNames(constants: ReadonlyMap<string, Constant>, weights: StateDict): string[] {
  return [...constants.keys()]
    .filter(name => /^[A-Za-z_][\w.]*\.(weight|bias)(\.T)?$/.test(name))
    .map(name => name.replace(/\.T$/, ''))
    .filter(name => !weights.tensors.has(name))
}

function transposed(tensor: StoredTensor): StoredTensor {
  const { storage, offset, shape, strides } = tensor
  return new StoredTensor(storage, { offset, shape: shape.toReversed(), strides: strides.toReversed() })
}

function fits(constant: Constant, tensor: StoredTensor): boolean {
  return (
    constant.shape.join() === tensor.shape.join() &&
    constant.type === factsOf(tensor.dtype).onnx &&
    constant.end - constant.start === tensor.byteLength
  )
}

interface Field {
  readonly number: number
  readonly value: bigint
  readonly start: number
  readonly end: number
}

/** The fields of a protobuf message between two places. */
function* fieldsOf(bytes: Buffer, from: number, to: number): Generator<Field> {
  let at = from
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = at < to ? bytes.readUInt8(at++) : damaged()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    return damaged()
  }
  while (at < to) {
    const key = Number(varint())
    const kind = key & 7
    const value = kind === 0 || kind === 2 ? varint() : 0n
    const length = kind === 2 ? Number(value) : kind === 1 ? 8 : kind === 5 ? 4 : 0
    if (kind === 3 || kind === 4 || at + length > to) damaged()
    yield { number: key >> 3, value, start: at, end: at + length }
    at += length
  }
}

function damaged(): never {
  throw refusal('the ONNX model is damaged')
}

/** The constants of the model's graph that keep their numbers as raw bytes. */
function readConstants(bytes: Buffer): Map<string, Constant> {
  const constants = new Map<string, Constant>()
  for (const graph of fieldsOf(bytes, 0, bytes.length)) {
    if (graph.number !== 7) continue
    for (const field of fieldsOf(bytes, graph.start, graph.end)) {
      const constant = field.number === 5 ? readConstant(bytes, field) : undefined
      if (constant !== undefined) constants.set(constant.name, constant)
    }
  }
  return constants
}

function readConstant(bytes: Buffer, { start, end }: Field): Constant | undefined {
  const shape: number[] = []
  let [name, type, range] = ['', 0, undefined as Field | undefined]
  for (const field of fieldsOf(bytes, start, end)) {
    if (field.number === 1) shape.push(...dimensions(bytes, field))
    if (field.number === 2) type = Number(field.value)
    if (field.number === 8) name = bytes.toString('utf8', field.start, field.end)
    // float_data (4) is as raw as raw_data (9) when it is packed.
    if (field.number === 9 || (field.number === 4 && type === factsOf(dtype.float32).onnx)) range = field
    if (field.number === 13)
      throw refusal('the ONNX model keeps its weights in another file; import it again instead')
  }
  return range === undefined ? undefined : { name, shape, type, start: range.start, end: range.end }
}

function dimensions(bytes: Buffer, field: Field): number[] {
  if (field.start === field.end) return [Number(field.value)]
  const values: number[] = []
  for (let at = field.start; at < field.end;) {
    let [value, shift] = [0, 1]
    for (; bytes.readUInt8(at) >= 0x80; shift *= 128) value += (bytes.readUInt8(at++) & 0x7f) * shift
    values.push(value + bytes.readUInt8(at++) * shift)
  }
  return values
}
