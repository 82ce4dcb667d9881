/**
 * Bilinear resizing with antialiasing, equal to Pillow's: a triangle of the size of a target pixel, rows first, 8 bits
 * in between. libvips does the same when it reduces, and faster, but enlarges with another placement of the pixels
 * (half a source pixel off), so enlarging is done here.
 */
export interface Size {
  readonly width: number
  readonly height: number
}

export interface Box extends Size {
  readonly left: number
  readonly top: number
}

/** 8-bit samples, row by row, the channels of a pixel side by side. */
export interface Pixels extends Size {
  readonly data: Uint8Array
  readonly channels: number
}

/** The part `box` of the image resized to `target`; only what the part needs is computed. */
export function resample(source: Pixels, target: Size, box: Box): Pixels {
  const columns = taps(source.width, target.width, box.left, box.width)
  const rows = taps(source.height, target.height, box.top, box.height)
  const narrow = resampleColumns(source, columns)
  return { width: box.width, height: box.height, channels: source.channels, data: resampleRows(narrow, rows) }
}

/** Which source pixels make a target pixel: `weights` of those from `start` on. */
interface Tap {
  readonly start: number
  readonly weights: Float64Array
}

function taps(sourceSize: number, targetSize: number, first: number, count: number): Tap[] {
  const scale = sourceSize / targetSize
  const support = Math.max(scale, 1)
  return Array.from({ length: count }, (_, index) => {
    const centre = (first + index + 0.5) * scale
    const start = Math.max(Math.trunc(centre - support + 0.5), 0)
    const end = Math.min(Math.trunc(centre + support + 0.5), sourceSize)
    const weights = Float64Array.from({ length: end - start }, (_unused, offset) =>
      Math.max(1 - Math.abs(start + offset - centre + 0.5) / support, 0),
    )
    const sum = weights.reduce((total, weight) => total + weight, 0)
    return { start, weights: weights.map(weight => weight / sum) }
  })
}

function resampleColumns({ data, width, height, channels }: Pixels, columns: readonly Tap[]): Pixels {
  const result = new Uint8ClampedArray(columns.length * height * channels)
  let at = 0
  for (let y = 0; y < height; y++) {
    for (const { start, weights } of columns) {
      const from = (y * width + start) * channels
      for (let channel = 0; channel < channels; channel++) {
        result[at++] = weigh(data, weights, from + channel, channels)
      }
    }
  }
  return { data: asBytes(result), width: columns.length, height, channels }
}

function resampleRows({ data, width, channels }: Pixels, rows: readonly Tap[]): Uint8Array {
  const stride = width * channels
  const result = new Uint8ClampedArray(rows.length * stride)
  let at = 0
  for (const { start, weights } of rows) {
    for (let x = 0; x < stride; x++) result[at++] = weigh(data, weights, start * stride + x, stride)
  }
  return asBytes(result)
}

/** A clamped array rounds halves to even where Pillow rounds them up: floor(x + 1/2) makes the difference. */
function weigh(data: Uint8Array, weights: Float64Array, from: number, stride: number): number {
  let sum = 0.5
  for (let tap = 0; tap < weights.length; tap++) {
    sum += (data[from + tap * stride] ?? 0) * (weights[tap] ?? 0)
  }
  return Math.floor(sum)
}

function asBytes(clamped: Uint8ClampedArray): Uint8Array {
  return new Uint8Array(clamped.buffer, clamped.byteOffset, clamped.length)
}
