import { expect, test } from 'vitest'
import type { Tensors } from '../../../src/runtime/handler.ts'
import { writeTensors } from '../../../src/worker/infer.ts'
import { info } from '../runtime/tiny-onnx.ts'

test('outputs stand in the order of the graph, also where their names are numbers', () => {
  const one = { type: 'float32', dims: [1], data: Float32Array.of(1) } as const
  const graph = { inputs: [], outputs: ['z', '10', '9'].map(name => info(name, 'float32', [1])) }
  const outputs: Tensors = { z: one, '10': one, '9': one }
  const names = (wanted?: readonly string[]) =>
    writeTensors(
      outputs,
      { requestId: '', headers: {}, parameters: [], ...(wanted === undefined ? {} : { outputs: wanted }) },
      graph,
    ).map(({ name }) => name)
  expect(names()).toEqual(['z', '10', '9'])
  expect(names(['9', 'z'])).toEqual(['9', 'z'])
})
