/** Residual nets as image classification has them, with random weights: what they compute is nonsense, at full price. */
import { dtype } from '../../src/importer/dtypes.ts'
import type { Initializer } from '../../src/importer/constants.ts'
import { writeModel } from '../../src/importer/model-file.ts'
import { Scope, type Attributes } from '../../src/importer/scope.ts'
import { fromAtom } from '../../src/importer/sym.ts'

export interface NetShape {
  /** Blocks in each of the stages. */
  readonly blocks: readonly number[]
  /** Channels of the first stage; each further one has twice as many. */
  readonly width: number
  /** Blocks of three convolutions, narrow in the middle, in place of blocks of two. */
  readonly isBottleneck: boolean
}

/** 11.7 million weights, 1.8 billion multiplications an image: ResNet-18 with its normalisation folded in. */
export const RESNET_18: NetShape = { blocks: [2, 2, 2, 2], width: 64, isBottleneck: false }
/** 25.6 million weights, a file of 102 MB: ResNet-50. */
export const RESNET_50: NetShape = { blocks: [3, 4, 6, 3], width: 64, isBottleneck: true }

export const IMAGE_INPUT = 'image'
/** Pixels of a side. */
export const IMAGE_SIDE = 224
const CLASSES = 1000

/** The same net with so few channels that it says nothing about speed. */
export function thin(shape: NetShape): NetShape {
  return { ...shape, width: 8 }
}

/** Writes the net as ONNX: float32 [batch, 3, 224, 224] to float32 [batch, 1000]. */
export async function writeNet(path: string, shape: NetShape): Promise<void> {
  const net = new Net()
  let at = net.relu(net.conv(IMAGE_INPUT, { from: 3, to: shape.width, kernel: 7, stride: 2 }))
  at = net.add('MaxPool', [at], { kernel_shape: ints(3, 3), strides: ints(2, 2), pads: ints(1, 1, 1, 1) })
  let channels = shape.width
  for (const [stage, count] of shape.blocks.entries()) {
    const inner = shape.width * 2 ** stage
    for (let block = 0; block < count; block++) {
      const stride = stage > 0 && block === 0 ? 2 : 1
      const to = shape.isBottleneck ? inner * 4 : inner
      at = addBlock(net, at, { from: channels, inner, to, stride })
      channels = to
    }
  }
  const pooled = net.add('Flatten', [net.add('GlobalAveragePool', [at], {})], { axis: { int: 1 } })
  net.classify(pooled, channels)
  await writeModel(path, net.scope, net.weights)
}

interface Block {
  readonly from: number
  readonly inner: number
  readonly to: number
  readonly stride: number
}

function addBlock(net: Net, input: string, { from, inner, to, stride }: Block): string {
  const isNarrow = to !== inner
  const first = net.relu(
    net.conv(input, { from, to: inner, kernel: isNarrow ? 1 : 3, stride: isNarrow ? 1 : stride }),
  )
  const second = net.conv(first, { from: inner, to: inner, kernel: 3, stride: isNarrow ? stride : 1 })
  const last = isNarrow ? net.conv(net.relu(second), { from: inner, to, kernel: 1, stride: 1 }) : second
  const isSame = from === to && stride === 1
  const shortcut = isSame ? input : net.conv(input, { from, to, kernel: 1, stride })
  return net.relu(net.add('Add', [last, shortcut], {}))
}

interface Convolution {
  readonly from: number
  readonly to: number
  readonly kernel: number
  readonly stride: number
}

const ints = (...values: number[]) => ({ ints: values })

/** A graph that grows node by node. */
class Net {
  readonly scope = new Scope()
  readonly weights: Initializer[] = []

  constructor() {
    const batch = fromAtom({
      key: 'batch',
      min: 1n,
      max: undefined,
      source: { kind: 'value', ref: undefined, axis: 0 },
    })
    const side = BigInt(IMAGE_SIDE)
    this.scope.inputs.push({ name: IMAGE_INPUT, dtype: dtype.float32, shape: [batch, 3n, side, side] })
    this.scope.outputs.push({ name: 'scores', dtype: dtype.float32, shape: [batch, BigInt(CLASSES)] })
  }

  /** The name of the node's output. */
  add(type: string, inputs: readonly string[], attributes: Attributes, output?: string): string {
    const name = `${type}_${this.scope.nodes.length}`
    const result = output ?? `${name}_out`
    this.scope.nodes.push({ type, name, inputs, outputs: [result], attributes })
    return result
  }

  relu(input: string): string {
    return this.add('Relu', [input], {})
  }

  conv(input: string, { from, to, kernel, stride }: Convolution): string {
    const pad = (kernel - 1) / 2
    const inputs = [input, this.#weight([to, from, kernel, kernel]), this.#weight([to])]
    return this.add('Conv', inputs, {
      kernel_shape: ints(kernel, kernel),
      strides: ints(stride, stride),
      pads: ints(pad, pad, pad, pad),
    })
  }

  classify(input: string, channels: number): void {
    const inputs = [input, this.#weight([CLASSES, channels]), this.#weight([CLASSES])]
    this.add('Gemm', inputs, { transB: { int: 1 } }, 'scores')
  }

  /** Uniform around zero, of a size that neither explodes nor dies out over the layers. */
  #weight(shape: readonly number[]): string {
    const [first = 1] = shape
    const count = shape.reduce((product, size) => product * size, 1)
    const most = Math.sqrt(3 / (count / first))
    const bytes = Buffer.alloc(count * 4)
    const values = new Float32Array(bytes.buffer, bytes.byteOffset, count)
    for (let index = 0; index < count; index++) values[index] = (Math.random() * 2 - 1) * most
    const name = `weight_${this.weights.length}`
    this.weights.push({ name, dtype: dtype.float32, shape, byteLength: bytes.length, read: () => bytes })
    return name
  }
}
