/** A picture with detail in every direction, 8-bit RGB, the same on every run. */
import sharp from 'sharp'
import type { Sharp } from 'sharp'

export function photo(width: number, height: number): Sharp {
  const data = Buffer.alloc(width * height * 3)
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      data[at++] = 128 + 100 * Math.sin(x / 9 + y / 23)
      data[at++] = 128 + 100 * Math.cos(x / 17 - y / 5)
      data[at++] = (x * 5 + y * 3) % 256
    }
  }
  return sharp(data, { raw: { width, height, channels: 3 } })
}
