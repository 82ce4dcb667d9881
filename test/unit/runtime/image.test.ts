import { crc32, deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { InvalidInput } from '../../../src/runtime/handler.ts'
import { decodeImage } from '../../../src/runtime/image.ts'
import type { ImageTarget } from '../../../src/runtime/image.ts'
import { photo } from './photo.ts'

const WIDTH = 6
const HEIGHT = 4
const AS_IT_IS: ImageTarget = {
  resize: { width: WIDTH, height: HEIGHT },
  crop: { width: WIDTH, height: HEIGHT },
  channels: 3,
  limitPixels: true,
}
const COLOUR = { r: 200, g: 100, b: 50 }

function plain(alpha?: number) {
  const background = alpha === undefined ? COLOUR : { ...COLOUR, alpha }
  return sharp({
    create: { width: WIDTH, height: HEIGHT, channels: alpha === undefined ? 3 : 4, background },
  })
}

/** The pixel in the top left corner. */
async function corner(bytes: Uint8Array, target: Partial<ImageTarget> = {}): Promise<number[]> {
  const { data, channels } = await decodeImage(bytes, { ...AS_IT_IS, ...target })
  return [...data.subarray(0, channels)]
}

describe('every kind of image comes out as red, green and blue of 8 bits', () => {
  const rgb = [200, 100, 50]
  test.each<[string, () => Promise<Buffer>, number[]]>([
    ['PNG', () => plain().png().toBuffer(), rgb],
    ['JPEG', () => plain().jpeg({ quality: 100 }).toBuffer(), rgb],
    ['lossless WebP', () => plain().webp({ lossless: true }).toBuffer(), rgb],
    ['GIF', () => plain().gif().toBuffer(), rgb],
    ['TIFF', () => plain().tiff().toBuffer(), rgb],
    ['AVIF', () => plain().avif({ lossless: true }).toBuffer(), rgb],
    ['a palette', () => plain().png({ palette: true }).toBuffer(), rgb],
    ['16 bits', () => plain().toColourspace('rgb16').png().toBuffer(), rgb],
    ['alpha, which is dropped and not mixed in', () => plain(0.25).png().toBuffer(), rgb],
    ['full transparency', () => plain(0).png().toBuffer(), rgb],
    ['grey', () => plain().toColourspace('b-w').png().toBuffer(), [128, 128, 128]],
    ['16-bit grey', () => plain().toColourspace('grey16').png().toBuffer(), [128, 128, 128]],
    ['inks', () => plain().toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer(), rgb],
  ])('%s', async (kind, make, expected) => {
    // The profile that libvips prints with does not hold every colour.
    const tolerance = kind === 'inks' ? 32 : 2
    const pixel = await corner(await make())
    expect(pixel).toHaveLength(3)
    for (const [channel, sample] of pixel.entries()) {
      expect(Math.abs(sample - (expected[channel] ?? 0))).toBeLessThanOrEqual(tolerance)
    }
  })
})

test('transparent pixels keep their colour through resizing, both ways', async () => {
  const bytes = await plain(0).png().toBuffer()
  const half = { width: 3, height: 2 }
  expect(await corner(bytes, { resize: half, crop: half })).toEqual([200, 100, 50])
  const double = { width: 12, height: 8 }
  expect(await corner(bytes, { resize: double, crop: double })).toEqual([200, 100, 50])
})

test("grey is weighted as in Pillow's mode L", async () => {
  expect(await corner(await plain().png().toBuffer(), { channels: 1 })).toEqual([124])
  expect(await corner(await plain().toColourspace('b-w').png().toBuffer(), { channels: 1 })).toEqual([128])
})

test('an EXIF orientation is applied before anything else', async () => {
  const upright = await photo(30, 20).png().toBuffer()
  const turned = await sharp(upright).rotate(-90).withMetadata({ orientation: 6 }).png().toBuffer()
  const target: ImageTarget = { resize: 16, crop: { width: 20, height: 12 }, channels: 3, limitPixels: true }
  expect((await sharp(turned).metadata()).orientation).toBe(6)
  expect((await decodeImage(turned, target)).data).toEqual((await decodeImage(upright, target)).data)
})

test('an animation gives its first frame', async () => {
  const frames = await Promise.all([plain().png().toBuffer(), plain().negate().png().toBuffer()])
  const animated = await sharp(frames, { join: { animated: true } })
    .gif()
    .toBuffer()
  expect((await sharp(animated).metadata()).pages).toBe(2)
  expect(await corner(animated)).toEqual([200, 100, 50])
})

test('the shorter side is resized in proportion and the middle cut out', async () => {
  const { width, height, data } = await decodeImage(await photo(100, 50).png().toBuffer(), {
    resize: 25,
    crop: { width: 21, height: 21 },
    channels: 3,
    limitPixels: true,
  })
  expect([width, height]).toEqual([21, 21])
  // (50 - 21) / 2 = 14.5 and (25 - 21) / 2 = 2: Python rounds halves to even.
  const whole = { width: 50, height: 25 }
  const all = await decodeImage(await photo(100, 50).png().toBuffer(), {
    ...AS_IT_IS,
    resize: whole,
    crop: whole,
  })
  expect([...data.subarray(0, 3)]).toEqual([...all.data.subarray((2 * 50 + 14) * 3, (2 * 50 + 14) * 3 + 3)])
})

describe('what is no image that can be decoded is refused', async () => {
  const png = await photo(64, 64).png().toBuffer()
  const jpeg = await photo(64, 64).jpeg().toBuffer()
  const webp = await photo(64, 64).webp().toBuffer()
  const gif = await photo(64, 64).gif().toBuffer()
  const tiff = await photo(64, 64).tiff().toBuffer()
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array(0)],
    ['text', Buffer.from('hello world')],
    ['SVG', Buffer.from(svg)],
    ['half a PNG', png.subarray(0, png.length >> 1)],
    ['half a JPEG', jpeg.subarray(0, jpeg.length >> 1)],
    ['a JPEG without its last bytes', jpeg.subarray(0, -20)],
    ['half a WebP', webp.subarray(0, webp.length >> 1)],
    ['half a GIF', gif.subarray(0, gif.length >> 1)],
    ['half a TIFF', tiff.subarray(0, tiff.length >> 1)],
    ['a PNG with a broken middle', Buffer.from(png).fill(0, png.length >> 2, png.length >> 1)],
  ])('%s', async (_, bytes) => {
    await expect(decodeImage(bytes, AS_IT_IS)).rejects.toThrow(InvalidInput)
    await expect(decodeImage(bytes, AS_IT_IS)).rejects.toThrow(
      /^Expected (an|a JPEG, PNG, WebP, GIF, TIFF or AVIF) image/,
    )
  })
})

test('an image of 30,000 x 30,000 pixels is refused by its header', async () => {
  const startedAt = performance.now()
  await expect(decodeImage(hugePng(30_000), AS_IT_IS)).rejects.toThrow(
    new InvalidInput(
      'The image has too many pixels: expected up to 178956970, got an image of 30000 x 30000',
    ),
  )
  expect(performance.now() - startedAt).toBeLessThan(1000)
})

test('an image so narrow that resizing makes it huge is refused', async () => {
  const bytes = await photo(1, 60_000).png().toBuffer()
  const target: ImageTarget = {
    resize: 256,
    crop: { width: 224, height: 224 },
    channels: 3,
    limitPixels: true,
  }
  await expect(decodeImage(bytes, target)).rejects.toThrow('got the resized image of 256 x 15360000')
})

/** A PNG of a few bytes whose header says it has side x side pixels. */
function hugePng(side: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(side, 0)
  header.writeUInt32BE(side, 4)
  header.set([8, 2], 8)
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  const pixels = deflateSync(Buffer.alloc(1000))
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const content = Buffer.concat([Buffer.from(type), data])
  const frame = Buffer.alloc(content.length + 8)
  frame.writeUInt32BE(data.length, 0)
  frame.set(content, 4)
  frame.writeUInt32BE(crc32(content), content.length + 4)
  return frame
}
