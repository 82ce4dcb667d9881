import { describe, expect, test } from 'vitest'
import { readClassifierOptions } from '../../../src/runtime/classifier-options.ts'
import { planImages } from '../../../src/runtime/image-options.ts'
import type { ImageOptions } from '../../../src/runtime/image-options.ts'
import { toPixelTensor } from '../../../src/runtime/pixel-tensor.ts'
import type { GraphInfo, TensorType } from '../../../src/runtime/tensor.ts'
import { info } from './tiny-onnx.ts'

function graph(shape: (number | string)[], type: TensorType = 'float32'): GraphInfo {
  return { inputs: [info('image', type, shape)], outputs: [] }
}

test.each<[(number | string)[], ImageOptions, object]>([
  [['n', 3, 224, 224], {}, { layout: 'NCHW', channels: 3, resize: 256, crop: { height: 224, width: 224 } }],
  [['n', 3, 64, 64], {}, { resize: 73, crop: { height: 64, width: 64 } }],
  [['n', 299, 299, 3], {}, { layout: 'NHWC', channels: 3, resize: 342, crop: { height: 299, width: 299 } }],
  [['n', 3, 'h', 'w'], {}, { resize: 256, crop: { height: 224, width: 224 } }],
  [['n', 'c', 'h', 'w'], { channels: 1, crop: 28 }, { channels: 1, resize: { height: 28, width: 28 } }],
  [[1, 1, 8, 12], {}, { channels: 1, resize: { height: 8, width: 12 }, crop: { height: 8, width: 12 } }],
  [['n', 3, 224, 224], { resize: 232 }, { resize: 232 }],
  [['n', 3, 224, 224], { resize: [300, 250] }, { resize: { height: 300, width: 250 } }],
])('the plan for a graph of %j with %j', (shape, options, expected) => {
  expect(planImages(graph(shape), options)).toMatchObject(expected)
})

describe('what graph and options cannot do together is refused at load', () => {
  test.each<[string, GraphInfo, ImageOptions]>([
    ['it has 0 inputs, expected one', { inputs: [], outputs: [] }, {}],
    ['its input is float32 [batch, 12], expected [batch, channels, height, width]', graph(['batch', 12]), {}],
    ['its input is float32 [8, 3, 32, 32]', graph([8, 3, 32, 32]), {}],
    ['expected float32, float16 or uint8', graph(['n', 3, 8, 8], 'int64'), {}],
    ['expected 1 or 3 channels', graph(['n', 4, 8, 8]), {}],
    ['it takes 3 channels, model-config.yaml says channels: 1', graph(['n', 3, 8, 8]), { channels: 1 }],
    ['which gives no size', graph(['n', 1, 'h', 'w']), {}],
    ['model-config.yaml says crop: 16 x 16', graph(['n', 3, 8, 8]), { crop: 16 }],
    ['resize: 200 x 200 is smaller than the crop, 224 x 224', graph(['n', 3, 224, 224]), { resize: 200 }],
    ['mean and std must be given together, 3 numbers each', graph(['n', 3, 8, 8]), { mean: [0, 0, 0] }],
    [
      'mean and std must be given together, 1 numbers each',
      graph(['n', 1, 8, 8]),
      { mean: [0, 0], std: [1, 1] },
    ],
    ['it takes uint8 samples as they are', graph(['n', 3, 8, 8], 'uint8'), { scale: 1 }],
  ])('%s', (message, info_, options) => {
    expect(() => planImages(info_, options)).toThrow(message)
  })
})

describe('pixels become the tensor that the graph takes', () => {
  const pixels = { data: Uint8Array.of(0, 128, 255, 255, 0, 51), width: 2, height: 1, channels: 3 }
  const tensor = (shape: (number | string)[], type: TensorType, options: ImageOptions = {}) => {
    const plan = planImages(graph(shape, type), options)
    return toPixelTensor(pixels, plan.type, plan.layout, plan.tables)
  }

  test('as planes, normalised for ImageNet', () => {
    const { dims, data } = tensor(['n', 3, 1, 2], 'float32')
    expect(dims).toEqual([1, 3, 1, 2])
    const expected = [
      -0.485 / 0.229,
      (1 - 0.485) / 0.229,
      (128 / 255 - 0.456) / 0.224,
      -0.456 / 0.224,
      (1 - 0.406) / 0.225,
      (0.2 - 0.406) / 0.225,
    ]
    expect(data).toEqual(Float32Array.from(expected))
  })

  test('side by side, with scale, mean and std of the archive', () => {
    const options = { scale: 1, mean: [0, 0, 255], std: [1, 2, 1] }
    const { dims, data } = tensor(['n', 1, 2, 3], 'float32', { ...options, layout: 'NHWC' })
    expect(dims).toEqual([1, 1, 2, 3])
    expect([...data]).toEqual([0, 64, 0, 255, 0, -204])
  })

  test('as float16 and as samples', () => {
    const unit = { scale: 1 / 255, mean: [0, 0, 0], std: [1, 1, 1] }
    expect([...tensor(['n', 3, 1, 2], 'float16', unit).data].slice(0, 2)).toEqual([0, 0x3c00])
    expect([...tensor(['n', 3, 1, 2], 'uint8').data]).toEqual([0, 255, 128, 0, 255, 51])
  })
})

test('the section of model-config.yaml is read, with top_k at either level', () => {
  expect(readClassifierOptions({})).toEqual({ topK: 5, apply: 'softmax', images: {} })
  expect(readClassifierOptions({ top_k: 3, minWorkers: 1 })).toMatchObject({ topK: 3 })
  expect(
    readClassifierOptions({ top_k: 3, image_classifier: { top_k: 2, resize: 8, apply: 'none' } }),
  ).toEqual({
    topK: 2,
    apply: 'none',
    images: { resize: 8 },
  })
})

test.each([
  [
    { image_classifier: { resize: 'big' } },
    'image_classifier.resize: expected a number of pixels or [height, width]',
  ],
  [{ image_classifier: { std: [0, 1, 1] } }, 'image_classifier.std: expected a list of numbers above 0'],
  [{ image_classifier: { reszie: 1 } }, 'reszie'],
  [{ image_classifier: [] }, 'image_classifier: '],
  [{ top_k: 0 }, 'top_k: '],
])('%j is refused by the name of its key', (config, message) => {
  expect(() => readClassifierOptions(config)).toThrow('model-config.yaml: ')
  expect(() => readClassifierOptions(config)).toThrow(message)
})
