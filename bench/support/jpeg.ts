/** A photograph's worth of JPEG, and the plain way from it to a tensor: sharp and one loop. */
import sharp from 'sharp'
import { IMAGE_SIDE } from './nets.ts'

const WIDTH = 640
const HEIGHT = 480
const RESIZED_SIDE = 256

/** 640 x 480 with as much detail as a photograph has: some 100 kB. */
export async function makeJpeg(): Promise<Buffer> {
  const pixels = new Uint8Array(WIDTH * HEIGHT * 3)
  for (let at = 0; at < pixels.length; at++) {
    const pixel = Math.floor(at / 3)
    const [x, y] = [pixel % WIDTH, Math.floor(pixel / WIDTH)]
    const wave = Math.sin(x / 23 + (at % 3)) * 50 + Math.cos(y / 17 - x / 41) * 50
    pixels[at] = 128 + wave + (Math.random() - 0.5) * 60
  }
  const raw = { width: WIDTH, height: HEIGHT, channels: 3 } as const
  return sharp(pixels, { raw }).blur(0.7).jpeg({ quality: 90 }).toBuffer()
}

const MEAN = [0.485, 0.456, 0.406]
const DEVIATION = [0.229, 0.224, 0.225]

sharp.concurrency(1)
sharp.cache(false)

/** The shorter side to 256, the middle 224 x 224, normalised as ImageNet's: what `image_classifier` does too. */
export async function decodeJpeg(jpeg: Uint8Array): Promise<Float32Array> {
  const width = Math.trunc((RESIZED_SIDE * WIDTH) / HEIGHT)
  const pixels = await sharp(jpeg)
    .resize({ width, height: RESIZED_SIDE, fit: 'fill', kernel: 'linear', fastShrinkOnLoad: false })
    .extract({
      left: Math.round((width - IMAGE_SIDE) / 2),
      top: Math.round((RESIZED_SIDE - IMAGE_SIDE) / 2),
      width: IMAGE_SIDE,
      height: IMAGE_SIDE,
    })
    .raw()
    .toBuffer()
  return normalise(pixels)
}

function normalise(pixels: Uint8Array): Float32Array {
  const size = IMAGE_SIDE * IMAGE_SIDE
  const values = new Float32Array(3 * size)
  for (let channel = 0; channel < 3; channel++) {
    const factor = 1 / (255 * (DEVIATION[channel] ?? 1))
    const offset = (MEAN[channel] ?? 0) / (DEVIATION[channel] ?? 1)
    for (let pixel = 0; pixel < size; pixel++)
      values[channel * size + pixel] = (pixels[pixel * 3 + channel] ?? 0) * factor - offset
  }
  return values
}
