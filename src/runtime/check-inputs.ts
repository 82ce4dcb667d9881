import { InvalidInput } from './handler.ts'
import { elementCount, isDataOf, showShape, showTensor } from './tensor.ts'
import type { GraphInfo, Tensor, TensorInfo, Tensors } from './tensor.ts'

const NAMES_SHOWN = 8

/**
 * Whether tensors are what the graph takes: every input there and no other, type, rank, fixed axes, and axes that
 * share a symbolic name of one size. Throws InvalidInput that names the input, what was expected and what came;
 * a TypeError where a tensor contradicts itself, which is the handler's fault and not the client's.
 */
export function checkInputs(graph: GraphInfo, tensors: Tensors): void {
  const axes = new Map<string, SeenAxis>()
  for (const info of graph.inputs) {
    const tensor = Object.hasOwn(tensors, info.name) ? tensors[info.name] : undefined
    if (tensor === undefined) {
      const got = listNames(Object.keys(tensors))
      throw new InvalidInput(`Input "${info.name}" is missing: expected ${showInfo(info)}, got ${got}`)
    }
    checkForm(info.name, tensor)
    checkTensor(info, tensor)
    checkAxes(info, tensor, axes)
  }
  checkNames(graph, tensors)
}

/** Refuses tensors without elements, for a graph with operators that cannot have them. */
export function refuseEmpty(tensors: Tensors, operators: readonly string[]): void {
  for (const [name, tensor] of Object.entries(tensors)) {
    if (!tensor.dims.includes(0)) continue
    throw new InvalidInput(
      `Input "${name}": expected at least one element on every axis, because the model's ${operators.join(' and ')} ` +
        `cannot run without, got ${showTensor(tensor)}`,
    )
  }
}

/** `float32 [batch, 12]`: for messages. */
export function showInfo(info: TensorInfo): string {
  return info.shape.length === 0 ? info.type : `${info.type} ${showShape(info.shape)}`
}

/** `"a", "b"`, cut to a length that fits a message whatever a client sent; `nothing` for none. */
export function listNames(names: readonly string[]): string {
  if (names.length === 0) return 'nothing'
  const shown = names.slice(0, NAMES_SHOWN).map(name => JSON.stringify(name.slice(0, 64)))
  const rest = names.length - shown.length
  return rest === 0 ? shown.join(', ') : `${shown.join(', ')} and ${rest} more`
}

interface SeenAxis {
  readonly input: string
  readonly size: number
}

function checkNames(graph: GraphInfo, tensors: Tensors): void {
  const known = graph.inputs.map(info => info.name)
  const unknown = Object.keys(tensors).filter(name => !known.includes(name))
  if (unknown.length === 0) return
  throw new InvalidInput(`Unknown input ${listNames(unknown)}: the model takes ${listNames(known)}`)
}

function checkForm(name: string, tensor: Tensor): void {
  const { type, dims, data } = tensor
  const wellFormed =
    isDataOf(type, data) &&
    dims.every(dim => Number.isSafeInteger(dim) && dim >= 0) &&
    data.length === elementCount(dims)
  if (wellFormed) return
  throw new TypeError(
    `Input "${name}": the handler's tensor says ${showTensor(tensor)} but its data is not that`,
  )
}

function checkTensor(info: TensorInfo, tensor: Tensor): void {
  // ONNX Runtime tells a scalar and an unknown rank alike, as no axes: then only the type can be checked here.
  const fits =
    info.shape.length === 0 ||
    (info.shape.length === tensor.dims.length &&
      info.shape.every((axis, index) => typeof axis === 'string' || axis === tensor.dims[index]))
  if (fits && info.type === tensor.type) return
  throw new InvalidInput(`Input "${info.name}": expected ${showInfo(info)}, got ${showTensor(tensor)}`)
}

function checkAxes(info: TensorInfo, tensor: Tensor, axes: Map<string, SeenAxis>): void {
  for (const [index, axis] of info.shape.entries()) {
    if (typeof axis === 'number' || axis === '') continue
    const size = tensor.dims[index] ?? 0
    const seen = axes.get(axis)
    if (seen === undefined) axes.set(axis, { input: info.name, size })
    else if (seen.size !== size) {
      const where = seen.input === info.name ? 'on its other axis' : `as in input "${seen.input}"`
      throw new InvalidInput(
        `Input "${info.name}": expected ${showInfo(info)} with ${axis} = ${seen.size} ${where}, got ${showTensor(tensor)}`,
      )
    }
  }
}
