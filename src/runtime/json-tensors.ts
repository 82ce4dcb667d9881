/** The JSON that `base_handler` speaks: a request's lists to tensors, tensors to the answer. */
import { listNames, showInfo } from './check-inputs.ts'
import { InvalidInput } from './handler.ts'
import type { Input, InputValue, JsonValue } from './handler.ts'
import { decodeText, parseJson } from './input.ts'
import { readNestedList, showKind } from './nested-list.ts'
import { showShape } from './tensor.ts'
import type { GraphInfo, Tensor, TensorInfo, Tensors } from './tensor.ts'

/** For inputs of which the graph does not tell the rank. */
const MAX_AXES = 16

export interface JsonTensors {
  readonly tensors: Tensors
  /** The request gave one row without the axis of rows; its answer should be one row too. */
  readonly single: boolean
}

/**
 * The graph's inputs from JSON: a bare list (or number) for a graph with one input, else an object by input name. A
 * list as deep as the graph's input has axes holds this request's rows; one level less is one row. Throws
 * InvalidInput that names the input, what was expected and what came.
 */
export function tensorsFromJson(value: JsonValue, graph: GraphInfo): JsonTensors {
  const [only] = graph.inputs
  if (only !== undefined && graph.inputs.length === 1 && Array.isArray(value)) {
    const { tensor, single } = readValue(value, only)
    return { tensors: { [only.name]: tensor }, single: single && only.shape.length > 0 }
  }
  const named = nameInputs(value, graph)
  const read = graph.inputs.map(info => ({ info, ...readInput(named, info) }))
  return {
    tensors: Object.fromEntries(read.map(({ info, tensor }) => [info.name, tensor])),
    // An input without axes says nothing about rows.
    single:
      read.every(({ info, single }) => single || info.shape.length === 0) &&
      read.some(({ single }) => single),
  }
}

/**
 * The answer from a graph's outputs: one output as its lists, several by name. Where the request was a single row, so
 * is the answer. Tensors stand for their lists, which is how toJson prints them.
 */
export function tensorsToJson(outputs: Tensors, single: boolean): Tensor | Map<string, Tensor> {
  const answers = Object.entries(outputs).map(
    ([name, tensor]) => [name, single && tensor.dims[0] === 1 ? dropRows(tensor) : tensor] as const,
  )
  const [first, ...others] = answers
  return first !== undefined && others.length === 0 ? first[1] : new Map(answers)
}

/**
 * The JSON of a request: of `data` or `body`, parsed here where the client did not call it JSON; else of form fields
 * named like the graph's inputs. Throws InvalidInput that says how to send it.
 */
export function jsonOf(input: Input, graph: GraphInfo): JsonValue {
  if (input.data !== undefined) return jsonFrom(input.data, 'The body')
  const fields = [...input.parameters]
  const known = graph.inputs.flatMap(({ name }) => {
    const field = input.parameters.get(name)
    return field === undefined ? [] : [[name, jsonFrom(field, `The field ${JSON.stringify(name)}`)] as const]
  })
  if (known.length > 0) return Object.fromEntries(known)
  throw new InvalidInput(`${HOW_TO_SEND}; got the fields ${listNames(fields.map(([name]) => name))}`)
}

const HOW_TO_SEND = 'Send JSON as the body with Content-Type: application/json, or in a field "data"'

/** The JSON of a value, parsed where it is text or bytes. Throws InvalidInput, with what to do at its end. */
export function jsonFrom(value: InputValue, what: string, howToSend = HOW_TO_SEND): JsonValue {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) return value
  if (isEmpty(value)) throw new InvalidInput(`${what} is empty. ${howToSend}`)
  try {
    return parseJson(typeof value === 'string' ? value : decodeText(value))
  } catch (error) {
    // The parser quotes at most a few characters around the place.
    const reason = error instanceof SyntaxError ? error.message : 'it is not UTF-8 text'
    throw new InvalidInput(`${what} is not JSON: ${reason}. ${howToSend}`, { cause: error })
  }
}

function isEmpty(value: InputValue): boolean {
  return (typeof value === 'string' || value instanceof Uint8Array) && value.length === 0
}

function nameInputs(value: JsonValue, graph: GraphInfo): Map<string, JsonValue> {
  const [only, ...others] = graph.inputs
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const unknown = Object.keys(value).filter(name => !graph.inputs.some(info => info.name === name))
    if (unknown.length === 0) return new Map(Object.entries(value))
    throw new InvalidInput(`Unknown input ${listNames(unknown)}: ${describeGraph(graph)}`)
  }
  if (only !== undefined && others.length === 0) return new Map([[only.name, value]])
  throw new InvalidInput(`Expected an object by input name, got ${showKind(value)}: ${describeGraph(graph)}`)
}

function describeGraph(graph: GraphInfo): string {
  return `the model takes ${graph.inputs.map(info => `"${info.name}" (${showInfo(info)})`).join(', ')}`
}

function readInput(
  named: ReadonlyMap<string, JsonValue>,
  info: TensorInfo,
): { tensor: Tensor; single: boolean } {
  const value = named.get(info.name)
  if (value === undefined) {
    const got = listNames([...named.keys()])
    throw new InvalidInput(`Input "${info.name}" is missing: expected ${showInfo(info)}, got ${got}`)
  }
  return readValue(value, info)
}

function readValue(value: JsonValue, info: TensorInfo): { tensor: Tensor; single: boolean } {
  const rank = info.shape.length
  const depth = depthOf(value)
  if (rank === 0 && depth > MAX_AXES) {
    throw new InvalidInput(
      `Input "${info.name}": expected ${info.type} of at most ${MAX_AXES} axes, got ${showKind(value)}`,
    )
  }
  if (rank === 0 || depth === rank) {
    return { tensor: refuseEmpty(readNestedList(value, info), info), single: false }
  }
  if (depth === rank - 1) {
    const row = readNestedList(value, info)
    return { tensor: refuseEmpty({ ...row, dims: [1, ...row.dims] }, info), single: true }
  }
  throw new InvalidInput(
    `Input "${info.name}": expected ${showInfo(info)} or one row of it, ${showShape(info.shape.slice(1))}, ` +
      `got ${showKind(value)}`,
  )
}

function depthOf(value: JsonValue): number {
  let depth = 0
  for (let inner: JsonValue | undefined = value; Array.isArray(inner); inner = inner[0]) depth++
  return depth
}

function refuseEmpty(tensor: Tensor, info: TensorInfo): Tensor {
  if (tensor.data.length > 0) return tensor
  throw new InvalidInput(`Input "${info.name}": expected ${showInfo(info)}, got an empty list`)
}

function dropRows({ type, dims, data }: Tensor): Tensor {
  return { type, dims: dims.slice(1), data }
}
