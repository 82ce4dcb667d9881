import { copyFile, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { info, writeTinyOnnx, type TinyNode } from '../unit/runtime/tiny-onnx.ts'

/**
 * Writes a net of fully connected layers, float32 [batch, width] to the same, whose weights take
 * about `layers` times `width` times `width` times 4 bytes. The same numbers give the same file.
 */
export async function writeHeavyOnnx(
  file: string,
  { width = 768, layers = 4, seed = 1 }: { width?: number; layers?: number; seed?: number } = {},
): Promise<void> {
  const nodes: TinyNode[] = []
  const constants: Record<string, { dims: number[]; data: Float32Array }> = {}
  for (let layer = 0; layer < layers; layer++) {
    const from = layer === 0 ? 'x' : `r${layer - 1}`
    const to = layer === layers - 1 ? 'y' : `r${layer}`
    constants[`w${layer}`] = { dims: [width, width], data: noise(width * width, seed + layer) }
    nodes.push(
      { op: 'MatMul', inputs: [from, `w${layer}`], outputs: [`m${layer}`] },
      { op: 'Relu', inputs: [`m${layer}`], outputs: [to] },
    )
  }
  const axes = ['batch', width]
  const made = writeTinyOnnx({
    nodes,
    constants,
    inputs: [info('x', 'float32', axes)],
    outputs: [info('y', 'float32', axes)],
  })
  await copyFile(made, file)
  await rm(dirname(made), { recursive: true })
}

/** Numbers around zero, the same for the same seed. */
function noise(length: number, seed: number): Float32Array {
  let state = seed
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state / 2 ** 32 - 0.5) * 0.1
  })
}
