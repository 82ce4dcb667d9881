import type { Initializer } from './constants.ts'
import { factsOf } from './dtypes.ts'
import { Message } from './protobuf.ts'
import type { Attribute, Node, Port, Scope } from './scope.ts'
import { show, Sym } from './sym.ts'

/** The operator set the graph is written for. */
export const OPSET = 20
const IR_VERSION = 9

/** Where constants beside the model file stand in it. */
export interface External {
  readonly location: string
  readonly offsets: ReadonlyMap<string, number>
}

/** The model as protobuf. Constants named in `external` are only referred to. */
export function modelMessage(
  scope: Scope,
  initializers: readonly Initializer[],
  external: External | undefined,
): Message {
  const graph = graphMessage(scope, 'model')
  for (const initializer of initializers) graph.message(5, tensorMessage(initializer, external))
  addPorts(graph, scope)
  const opset = new Message().text(1, '').int(2, OPSET)
  return new Message().int(1, IR_VERSION).text(2, 'sconce').message(7, graph).message(8, opset)
}

function graphMessage(scope: Scope, name: string): Message {
  const graph = new Message()
  for (const node of scope.nodes) graph.message(1, nodeMessage(node))
  return graph.text(2, name)
}

function addPorts(graph: Message, scope: Scope): void {
  for (const port of scope.inputs) graph.message(11, portMessage(port))
  for (const port of scope.outputs) graph.message(12, portMessage(port))
}

function nodeMessage(node: Node): Message {
  const message = new Message()
  for (const input of node.inputs) message.text(1, input)
  for (const output of node.outputs) message.text(2, output)
  message.text(3, node.name).text(4, node.type)
  const names = Object.keys(node.attributes).toSorted()
  for (const name of names) {
    const attribute = node.attributes[name]
    if (attribute !== undefined) message.message(5, attributeMessage(name, attribute))
  }
  return message
}

/** AttributeProto: the type numbers are FLOAT 1, INT 2, STRING 3, GRAPH 5, FLOATS 6, INTS 7, STRINGS 8. */
function attributeMessage(name: string, attribute: Attribute): Message {
  const message = new Message().text(1, name)
  if ('float' in attribute) return message.float(2, attribute.float).int(20, 1)
  if ('int' in attribute) return message.int(3, attribute.int).int(20, 2)
  if ('string' in attribute) return message.text(4, attribute.string).int(20, 3)
  if ('graph' in attribute) {
    const graph = graphMessage(attribute.graph, name)
    addPorts(graph, attribute.graph)
    return message.message(6, graph).int(20, 5)
  }
  if ('strings' in attribute) {
    for (const text of attribute.strings) message.text(9, text)
    return message.int(20, 8)
  }
  if ('floats' in attribute) return message.floats(7, attribute.floats).int(20, 6)
  return message.ints(8, attribute.ints).int(20, 7)
}

function tensorMessage(initializer: Initializer, external: External | undefined): Message {
  const { name, shape, dtype, byteLength } = initializer
  const message = new Message().ints(1, shape).int(2, factsOf(dtype).onnx).text(8, name)
  const offset = external?.offsets.get(name)
  if (external === undefined || offset === undefined) return message.bytes(9, initializer)
  message.message(13, entry('location', external.location))
  message.message(13, entry('offset', String(offset)))
  return message.message(13, entry('length', String(byteLength))).int(14, 1)
}

function entry(key: string, value: string): Message {
  return new Message().text(1, key).text(2, value)
}

function portMessage(port: Port): Message {
  const type = new Message().int(1, factsOf(port.dtype).onnx)
  if (port.shape !== undefined) {
    const shape = new Message()
    for (const size of port.shape) shape.message(1, sizeMessage(size))
    type.message(2, shape)
  }
  return new Message().text(1, port.name).message(2, new Message().message(1, type))
}

function sizeMessage(size: bigint | Sym): Message {
  return size instanceof Sym ? new Message().text(2, show(size)) : new Message().int(1, size)
}
