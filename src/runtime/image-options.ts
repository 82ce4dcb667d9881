/** What model-config.yaml may say about images, and what follows from it and the graph. */
import { failure } from '../errors.ts'
import { showInfo } from './check-inputs.ts'
import { makeTables } from './pixel-tensor.ts'
import type { Layout, Normalisation, PixelTables, PixelType } from './pixel-tensor.ts'
import type { Size } from './resample.ts'
import { isWhole, numbers, oneOf, positive, positives, type Rule, type SectionOf } from './section.ts'
import type { GraphInfo, TensorInfo } from './tensor.ts'

const MAX_SIDE = 16_384
const isSide = (value: unknown) => isWhole(value, 1, MAX_SIDE)

const SIDES: Rule<number | readonly [number, number]> = {
  expected: `a number of pixels or [height, width], each from 1 to ${MAX_SIDE}`,
  accepts: (value): value is number | [number, number] =>
    isSide(value) || (Array.isArray(value) && value.length === 2 && value.every(isSide)),
}

export const IMAGE_RULES = {
  /** The shorter side after resizing, or both. */
  resize: SIDES,
  /** What is cut out of the middle: a side, or both. */
  crop: SIDES,
  /** Subtracted after scaling, one number per channel. */
  mean: numbers,
  /** Divided by after that, one number per channel. */
  std: positives,
  /** Samples of 0 to 255 are multiplied by it; 1/255 if not given. */
  scale: positive,
  /** Where the graph does not tell. */
  layout: oneOf('NCHW', 'NHWC'),
  /** Where the graph does not tell. */
  channels: oneOf(1, 3),
}
export type ImageOptions = SectionOf<typeof IMAGE_RULES>

/** How an image becomes the input of a graph. */
export interface ImagePlan {
  readonly input: TensorInfo
  readonly type: PixelType
  readonly layout: Layout
  readonly channels: 1 | 3
  readonly resize: number | Size
  readonly crop: Size
  readonly tables: PixelTables
}

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], resize: 256, crop: 224 }

/**
 * The plan for a graph with one image input. Sizes, channels and layout come from the graph; three channels default to
 * ImageNet's preparation, in proportion to the graph's size, one channel to plain grey of 0 to 1 at exactly that size.
 * INVALID_MODEL where graph and options cannot go together.
 */
export function planImages(graph: GraphInfo, options: ImageOptions): ImagePlan {
  const input = imageInput(graph)
  const type = pixelType(input)
  const layout = options.layout ?? detectLayout(input)
  const [, ...axes] = input.shape
  const [channelAxis, heightAxis, widthAxis] = layout === 'NCHW' ? axes : [axes[2], axes[0], axes[1]]
  const channels = chooseChannels(input, channelAxis, options)
  const crop = chooseCrop(input, [heightAxis, widthAxis], channels, options)
  return {
    input,
    type,
    layout,
    channels,
    crop,
    resize: chooseResize(crop, channels, options),
    tables: makeTables(type, chooseNormalisation(type, channels, options)),
  }
}

function imageInput({ inputs }: GraphInfo): TensorInfo {
  const [input, ...others] = inputs
  if (input === undefined || others.length > 0) throw refuse(`it has ${inputs.length} inputs, expected one`)
  const [rows] = input.shape
  if (input.shape.length !== 4 || (typeof rows === 'number' && rows !== 1)) {
    throw refuse(
      `its input is ${showInfo(input)}, expected [batch, channels, height, width] with a batch of any size`,
    )
  }
  return input
}

function pixelType(input: TensorInfo): PixelType {
  const { type } = input
  if (type === 'float32' || type === 'float16' || type === 'uint8') return type
  throw refuse(`its input is ${showInfo(input)}, expected float32, float16 or uint8`)
}

function detectLayout({ shape }: TensorInfo): Layout {
  return isColours(shape[3]) && !isColours(shape[1]) ? 'NHWC' : 'NCHW'
}

function isColours(axis: Axis): boolean {
  return axis === 1 || axis === 3
}

type Axis = number | string | undefined

function chooseChannels(input: TensorInfo, axis: Axis, options: ImageOptions): 1 | 3 {
  if (typeof axis !== 'number') return options.channels ?? 3
  if (axis !== 1 && axis !== 3) throw refuse(`its input is ${showInfo(input)}, expected 1 or 3 channels`)
  if (options.channels !== undefined && options.channels !== axis) {
    throw refuse(`it takes ${axis} channels, model-config.yaml says channels: ${options.channels}`)
  }
  return axis
}

function chooseCrop(input: TensorInfo, axes: [Axis, Axis], channels: 1 | 3, { crop }: ImageOptions): Size {
  const sides = toSides(crop ?? (channels === 3 ? IMAGENET.crop : []))
  const [height, width] = axes.map((axis, index) => (typeof axis === 'number' ? axis : sides[index]))
  if (height === undefined || width === undefined) {
    throw refuse(`its input is ${showInfo(input)}, which gives no size; say one as crop: [height, width]`)
  }
  if (crop === undefined || (height === sides[0] && width === sides[1])) return { height, width }
  throw refuse(`its input is ${showInfo(input)}, model-config.yaml says crop: ${sides.join(' x ')}`)
}

function chooseResize(crop: Size, channels: 1 | 3, { resize }: ImageOptions): number | Size {
  const longer = Math.max(crop.width, crop.height)
  if (resize === undefined) {
    return channels === 1 ? crop : Math.round((longer * IMAGENET.resize) / IMAGENET.crop)
  }
  const [height, width] = typeof resize === 'number' ? [longer, longer] : resize
  const covers = typeof resize === 'number' ? resize >= longer : height >= crop.height && width >= crop.width
  if (covers) return typeof resize === 'number' ? resize : { height, width }
  throw refuse(
    `resize: ${toSides(resize).join(' x ')} is smaller than the crop, ${crop.height} x ${crop.width}`,
  )
}

function chooseNormalisation(type: PixelType, channels: 1 | 3, options: ImageOptions): Normalisation {
  if (type === 'uint8') refuseNormalisation(options)
  const plain = channels === 3 ? IMAGENET : { mean: [0], std: [1] }
  const { mean, std } = (options.mean ?? options.std) === undefined ? plain : options
  if (mean?.length === channels && std?.length === channels) {
    return { mean, std, scale: options.scale ?? 1 / 255 }
  }
  throw refuse(`mean and std must be given together, ${channels} numbers each, one per channel`)
}

function refuseNormalisation({ mean, std, scale }: ImageOptions): void {
  if ((mean ?? std ?? scale) === undefined) return
  throw refuse('it takes uint8 samples as they are, so mean, std and scale cannot be applied')
}

function toSides(sides: number | readonly number[]): readonly number[] {
  return typeof sides === 'number' ? [sides, sides] : sides
}

function refuse(what: string): Error {
  return failure('INVALID_MODEL', `The graph does not suit an image handler: ${what}`)
}
