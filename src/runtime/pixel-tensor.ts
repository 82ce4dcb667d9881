import { toHalf } from './half.ts'
import type { Pixels } from './resample.ts'
import { allocate } from './tensor.ts'
import type { Tensor } from './tensor.ts'

export type PixelType = 'float32' | 'float16' | 'uint8'
export type Layout = 'NCHW' | 'NHWC'

/** What a sample of 0 to 255 becomes, for each channel: 256 elements of the tensor's type each. */
export type PixelTables = readonly (Float32Array | Uint16Array | Uint8Array)[]

export interface Normalisation {
  /** One pair per channel: (sample * scale - mean) / std. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly scale: number
}

/** Tables that normalise; a `uint8` graph gets the samples as they are. */
export function makeTables(type: PixelType, { mean, std, scale }: Normalisation): PixelTables {
  return mean.map((offset, channel) => {
    const samples = Float64Array.from({ length: 256 }, (_, sample) => sample)
    if (type === 'uint8') return Uint8Array.from(samples)
    const normal = samples.map(sample => (sample * scale - offset) / (std[channel] ?? 1))
    return type === 'float16' ? toHalf(normal) : Float32Array.from(normal)
  })
}

/** One image as [1, C, H, W] or [1, H, W, C]. `pixels` has as many channels as there are tables. */
export function toPixelTensor(pixels: Pixels, type: PixelType, layout: Layout, tables: PixelTables): Tensor {
  const { data, width, height, channels } = pixels
  const planar = layout === 'NCHW'
  // The tables hold the elements of this very type, whichever it is.
  const elements = allocate(type, data.length) as Float32Array
  const size = width * height
  for (const [channel, table] of tables.entries()) {
    let to = planar ? channel * size : channel
    for (let from = channel; from < data.length; from += channels) {
      elements[to] = table[data[from] ?? 0] ?? 0
      to += planar ? 1 : channels
    }
  }
  return { type, dims: planar ? [1, channels, height, width] : [1, height, width, channels], data: elements }
}
