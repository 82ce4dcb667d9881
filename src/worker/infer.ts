/** The verb `infer`: tensors as bytes to the session's tensors and back, checked against the graph. */
import { DATATYPES, datatypeOf, type Datatype } from '../runtime/datatype.ts'
import { InvalidInput, type Session, type Tensor, type TensorInfo, type Tensors } from '../runtime/handler.ts'
import { inferBatch } from '../runtime/infer-batch.ts'
import { TYPED_ARRAYS } from '../runtime/tensor.ts'
import type { GraphInfo, Item, WireTensor } from './protocol.ts'

/**
 * A request's tensors for the session. Throws InvalidInput in the words of the Open Inference Protocol's servers, which
 * clients look for, with what was expected and what came.
 */
export function readTensors(item: Item, { graph }: Session, model: string): Tensors {
  const given = new Map((item.tensors ?? []).map(tensor => [tensor.name, tensor]))
  checkNames(given, graph.inputs, model)
  checkOutputs(item.outputs ?? [], graph.outputs, model)
  return Object.fromEntries(
    graph.inputs.map(info => {
      const tensor = given.get(info.name)
      if (tensor === undefined) throw new Error('checkNames has seen every input')
      return [info.name, readTensor(tensor, info, model)]
    }),
  )
}

/** The outputs a request wants, in its order, else the graph's, as bytes. */
export function writeTensors(
  outputs: Tensors,
  { outputs: wanted = [] }: Item,
  graph: GraphInfo,
): WireTensor[] {
  // Not the object's keys: JavaScript sorts names that are numbers.
  const names = wanted.length === 0 ? graph.outputs.map(({ name }) => name) : wanted
  return names.flatMap(name => {
    const tensor = outputs[name]
    if (tensor === undefined) return []
    return [{ name, datatype: datatypeOf(tensor.type), shape: tensor.dims, data: toBytes(tensor) }]
  })
}

/** One result per entry: entries whose shapes and types fit together run as one; see inferBatch. */
export function inferTensors(session: Session, batch: readonly Tensors[]): Promise<(Tensors | Error)[]> {
  return inferBatch(session, batch)
}

function checkNames(
  given: ReadonlyMap<string, WireTensor>,
  inputs: readonly TensorInfo[],
  model: string,
): void {
  const known = new Set(inputs.map(({ name }) => name))
  const unknown = [...given.keys()].find(name => !known.has(name))
  if (unknown !== undefined) {
    const takes = quoteNames(known)
    throw new InvalidInput(
      `unexpected inference input '${clip(unknown)}' for model '${model}', which takes ${takes}`,
    )
  }
  const missing = [...known].filter(name => !given.has(name))
  if (missing.length === 0) return
  throw new InvalidInput(
    `expected ${known.size} inputs but got ${given.size} inputs for model '${model}'. Got input(s) ` +
      `[${quoteNames(given.keys())}], but missing required input(s) [${quoteNames(missing)}]. ` +
      'Please provide all required input(s).',
  )
}

function checkOutputs(wanted: readonly string[], outputs: readonly TensorInfo[], model: string): void {
  const unknown = wanted.find(name => !outputs.some(info => info.name === name))
  if (unknown === undefined) return
  const gives = quoteNames(outputs.map(({ name }) => name))
  throw new InvalidInput(
    `unexpected inference output '${clip(unknown)}' for model '${model}', which gives ${gives}`,
  )
}

function readTensor({ name, datatype, shape, data }: WireTensor, info: TensorInfo, model: string): Tensor {
  const expected = datatypeOf(info.type)
  if (datatype !== expected) {
    throw new InvalidInput(
      `inference input '${name}' data-type is '${datatype}', but model '${model}' expects '${expected}'`,
    )
  }
  // ONNX Runtime tells a scalar and an unknown rank alike, as no axes: what does not fit then shows in the run.
  const fits =
    info.shape.length === 0 ||
    (info.shape.length === shape.length &&
      info.shape.every((axis, index) => typeof axis === 'string' || axis === shape[index]))
  if (!fits) {
    const axes = info.shape.map(axis => (typeof axis === 'string' ? -1 : axis))
    throw new InvalidInput(
      `unexpected shape for input '${name}' for model '${model}'. Expected [${axes.join(',')}], got [${shape.join(',')}]`,
    )
  }
  return { type: info.type, dims: shape, data: fromBytes(datatype, data, name) }
}

function fromBytes(datatype: Datatype, data: Uint8Array, name: string): Tensor['data'] {
  const { type } = DATATYPES[datatype]
  if (type === 'string') return readStrings(data, name)
  if (type === undefined) throw new InvalidInput(`inference input '${name}': ${datatype} cannot be served`)
  // To C++, in which the graph is run, any other byte is no bool at all.
  if (type === 'bool' && data.some(byte => byte > 1)) {
    throw new InvalidInput(`inference input '${name}': expected bytes of 0 or 1 for BOOL`)
  }
  const Elements = TYPED_ARRAYS[type]
  const { BYTES_PER_ELEMENT } = Elements
  const aligned = data.byteOffset % BYTES_PER_ELEMENT === 0 ? data : new Uint8Array(data)
  const length = aligned.byteLength / BYTES_PER_ELEMENT
  // What makes a WireTensor has checked the number of bytes. Bytes of a frame never lie in shared memory.
  return new Elements(aligned.buffer as ArrayBuffer, aligned.byteOffset, length)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** ONNX Runtime's strings are text here, so what is no text cannot be handed to it. */
function readStrings(data: Uint8Array, name: string): string[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const strings: string[] = []
  for (let at = 0; at < data.length;) {
    const end = at + 4 + view.getUint32(at, true)
    try {
      strings.push(utf8.decode(data.subarray(at + 4, end)))
      // ONNX Runtime's binding would cut it off there without a word.
      if (data.subarray(at + 4, end).includes(0)) throw new RangeError('U+0000')
    } catch (cause) {
      throw new InvalidInput(
        `inference input '${name}': expected UTF-8 text without U+0000, got other bytes in element ${strings.length}`,
        { cause },
      )
    }
    at = end
  }
  return strings
}

function toBytes({ data }: Tensor): Uint8Array {
  if (!Array.isArray(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  const elements = data.map(text => Buffer.from(text))
  return Buffer.concat(elements.flatMap(element => [lengthOf(element), element]))
}

function lengthOf(element: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(element.length)
  return length
}

const NAMES_SHOWN = 8

function quoteNames(names: Iterable<string>): string {
  const all = [...names].map(name => `'${clip(name)}'`)
  const rest = all.length - NAMES_SHOWN
  return all.slice(0, NAMES_SHOWN).join(',') + (rest > 0 ? ` and ${rest} more` : '')
}

function clip(name: string): string {
  return name.slice(0, 64)
}
