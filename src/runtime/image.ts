/** The only file that knows sharp: image bytes to pixels of the size and colours that a graph wants. */
import sharp from 'sharp'
import type { Metadata, Sharp, SharpOptions } from 'sharp'
import { InvalidInput } from './handler.ts'
import { resample } from './resample.ts'
import type { Box, Pixels, Size } from './resample.ts'

/** Pixels beyond which Pillow, and with it TorchServe, refuses an image as a decompression bomb. */
const MAX_PIXELS = 2 * 89_478_485

const FORMATS = ['jpeg', 'png', 'webp', 'gif', 'tiff', 'heif']

// Images come from anyone: only these decoders, of all that libvips has (SVG reads files and takes its time).
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Tiff', 'Heif'].map(name => `VipsForeignLoad${name}`),
})
// Every worker has its share of the cores, and no image comes twice.
sharp.concurrency(1)
sharp.cache(false)

export interface ImageTarget {
  /** What is resized to what: the shorter side to so many pixels, in proportion, or the whole to a size. */
  readonly resize: number | Size
  /** The part that is cut out of the middle, not larger than what `resize` leaves. */
  readonly crop: Size
  /** 3: red, green, blue. 1: grey, weighted as Pillow's mode L. */
  readonly channels: 1 | 3
  /** False lifts the limit on pixels. */
  readonly limitPixels: boolean
}

/**
 * Decodes JPEG, PNG, WebP, GIF, TIFF or AVIF: the first frame, turned upright by its EXIF orientation, without its
 * alpha channel, resized bilinearly with antialiasing and cropped in the middle as torchvision's Resize and CenterCrop
 * do. Throws InvalidInput for what is no image, is cut off or has too many pixels, the last before decoding.
 */
export async function decodeImage(bytes: Uint8Array, target: ImageTarget): Promise<Pixels> {
  if (bytes.length === 0) throw new InvalidInput('Expected an image, got nothing')
  const header = await readHeader(bytes, target)
  const size = resizedSize(header.autoOrient, target.resize)
  checkSize(size, 'the resized image', target)
  const pixels = await refuseBroken(() => decodeTo(bytes, header, size, centre(size, target.crop)))
  return target.channels === 1 ? toGrey(pixels) : toColours(pixels)
}

/** A grey image of this size, as PNG. */
export function blankImage({ width, height }: Size): Promise<Uint8Array> {
  const background = { r: 128, g: 128, b: 128 }
  return sharp({ create: { width, height, channels: 3, background } })
    .png()
    .toBuffer()
}

async function readHeader(bytes: Uint8Array, target: ImageTarget): Promise<Metadata> {
  const header = await refuseBroken(() => sharp(bytes, { limitInputPixels: false }).metadata())
  if (!FORMATS.includes(header.format)) {
    throw new InvalidInput(`Expected a JPEG, PNG, WebP, GIF, TIFF or AVIF image, got ${header.format}`)
  }
  checkSize(header, 'an image', target)
  return header
}

function checkSize({ width, height }: Size, what: string, { limitPixels }: ImageTarget): void {
  if (!limitPixels || width * height <= MAX_PIXELS) return
  throw new InvalidInput(
    `The image has too many pixels: expected up to ${MAX_PIXELS}, got ${what} of ${width} x ${height}`,
  )
}

async function decodeTo(bytes: Uint8Array, header: Metadata, size: Size, box: Box): Promise<Pixels> {
  const { width, height } = header.autoOrient
  const enlarged = size.width > width || size.height > height
  let image = open(bytes, header)
  if (enlarged || header.hasAlpha) {
    // libvips would weigh colours by their alpha as it resizes; Pillow's convert('RGB') drops it first.
    const whole = await readPixels(image.removeAlpha())
    if (enlarged) return resample(whole, size, box)
    const { data, ...raw } = whole
    image = sharp(data, { raw: { ...raw, channels: raw.channels as 1 | 3 }, limitInputPixels: false })
  }
  // Shrinking while a JPEG is loaded would be faster for large ones, and up to 12 of 255 off.
  if (size.width !== width || size.height !== height) {
    image = image.resize({ ...size, fit: 'fill', kernel: 'linear', fastShrinkOnLoad: false })
  }
  return readPixels(image.extract(box))
}

function open(bytes: Uint8Array, header: Metadata): Sharp {
  const options: SharpOptions = {
    failOn: 'error',
    limitInputPixels: false,
    sequentialRead: true,
    // Networks were trained on colours as stored; only inks need their profile to become red, green and blue.
    ignoreIcc: header.space !== 'cmyk',
  }
  return sharp(bytes, options).autoOrient()
}

async function readPixels(image: Sharp): Promise<Pixels> {
  const { data, info } = await image
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  return { data, width: info.width, height: info.height, channels: info.channels }
}

/** Whatever libvips has to say about the client's bytes is about the client's bytes. */
async function refuseBroken<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause)
    const reason = (text.split('\n')[0] ?? '')
      .replace(/^Input (?:buffer|file) (?:contains|has) /, '')
      .slice(0, 200)
    throw new InvalidInput(
      `Expected a JPEG, PNG, WebP, GIF, TIFF or AVIF image that can be decoded, got: ${reason}`,
      {
        cause,
      },
    )
  }
}

/** torchvision cuts the fraction of the longer side off. */
function resizedSize({ width, height }: Size, resize: number | Size): Size {
  if (typeof resize !== 'number') return resize
  const long = Math.trunc((resize * Math.max(width, height)) / Math.min(width, height))
  return width <= height ? { width: resize, height: long } : { width: long, height: resize }
}

function centre(size: Size, crop: Size): Box {
  return {
    left: roundToEven((size.width - crop.width) / 2),
    top: roundToEven((size.height - crop.height) / 2),
    width: crop.width,
    height: crop.height,
  }
}

/** Python's round(). */
function roundToEven(value: number): number {
  const floor = Math.floor(value)
  return value - floor === 0.5 && floor % 2 === 0 ? floor : Math.round(value)
}

function toGrey({ data, width, height, channels }: Pixels): Pixels {
  if (channels === 1) return { data, width, height, channels }
  const grey = new Uint8Array(width * height)
  for (let pixel = 0, at = 0; pixel < grey.length; pixel++, at += channels) {
    const [red, green, blue] = channels < 3 ? [at, at, at] : [at, at + 1, at + 2]
    grey[pixel] =
      ((data[red] ?? 0) * 19_595 + (data[green] ?? 0) * 38_470 + (data[blue] ?? 0) * 7471 + 0x80_00) >> 16
  }
  return { data: grey, width, height, channels: 1 }
}

function toColours({ data, width, height, channels }: Pixels): Pixels {
  if (channels === 3) return { data, width, height, channels }
  const colours = new Uint8Array(width * height * 3)
  for (let pixel = 0, at = 0; at < colours.length; pixel++) {
    const from = pixel * channels
    for (let channel = 0; channel < 3; channel++)
      colours[at++] = data[from + (channels < 3 ? 0 : channel)] ?? 0
  }
  return { data: colours, width, height, channels: 3 }
}
