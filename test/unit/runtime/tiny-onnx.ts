/** Writes ONNX files of a few nodes, for tests that need a graph with one particular trait. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSession } from '../../../src/runtime/session.ts'
import type { ModelSession } from '../../../src/runtime/session.ts'
import type { TensorInfo, TensorType } from '../../../src/runtime/tensor.ts'

export interface TinyGraph {
  readonly nodes: readonly TinyNode[]
  readonly inputs: readonly TensorInfo[]
  readonly outputs: readonly TensorInfo[]
  /** Constants of int64 or float32. */
  readonly constants?: Readonly<Record<string, { dims: number[]; data: BigInt64Array | Float32Array }>>
}

export interface TinyNode {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** Attributes that are integers. */
  readonly attributes?: Readonly<Record<string, number>>
}

export function info(name: string, type: TensorType, shape: (number | string)[]): TensorInfo {
  return { name, type, shape }
}

/** Writes the graph into a folder of its own below the system's temporary one. */
export function writeTinyOnnx(graph: TinyGraph): string {
  const file = join(mkdtempSync(join(tmpdir(), 'tiny-onnx-')), 'model.onnx')
  writeFileSync(file, Buffer.concat([varint(1, 8), block(8, varint(2, 17)), block(7, encodeGraph(graph))]))
  return file
}

export function openTinyOnnx(graph: TinyGraph): Promise<ModelSession> {
  return openSession(writeTinyOnnx(graph), { threads: 1 })
}

/** A graph whose output is its input. */
export function identity(type: TensorType, shape: (number | string)[]): TinyGraph {
  return {
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
    inputs: [info('x', type, shape)],
    outputs: [info('y', type, shape)],
  }
}

// Field numbers as in https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
const ELEMENT_TYPES: Record<TensorType, number> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
}

function encodeGraph({ nodes, inputs, outputs, constants = {} }: TinyGraph): Buffer {
  return Buffer.concat([
    ...nodes.map(node => block(1, encodeNode(node))),
    text(2, 'tiny'),
    ...Object.entries(constants).map(([name, { dims, data }]) =>
      block(
        5,
        ...dims.map(dim => varint(1, dim)),
        varint(2, data instanceof Float32Array ? ELEMENT_TYPES.float32 : ELEMENT_TYPES.int64),
        text(8, name),
        block(9, Buffer.from(data.buffer)),
      ),
    ),
    ...inputs.map(value => block(11, encodeValue(value))),
    ...outputs.map(value => block(12, encodeValue(value))),
  ])
}

function encodeNode({ op, inputs, outputs, attributes = {} }: TinyNode): Buffer {
  return Buffer.concat([
    ...inputs.map(name => text(1, name)),
    ...outputs.map(name => text(2, name)),
    text(4, op),
    ...Object.entries(attributes).map(([name, value]) =>
      block(5, text(1, name), varint(3, value), varint(20, 2)),
    ),
  ])
}

function encodeValue({ name, type, shape }: TensorInfo): Buffer {
  const dims = shape.map(axis => block(1, typeof axis === 'number' ? varint(1, axis) : text(2, axis)))
  return Buffer.concat([text(1, name), block(2, block(1, varint(1, ELEMENT_TYPES[type]), block(2, ...dims)))])
}

function varint(field: number, value: number): Buffer {
  return Buffer.from([...encodeNumber(field << 3), ...encodeNumber(value)])
}

function encodeNumber(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...encodeNumber(value >>> 7)]
}

function block(field: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([
    Buffer.from([...encodeNumber((field << 3) | 2), ...encodeNumber(content.length)]),
    content,
  ])
}

function text(field: number, value: string): Buffer {
  return block(field, Buffer.from(value))
}
