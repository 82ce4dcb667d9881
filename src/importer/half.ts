const buffer = new DataView(new ArrayBuffer(4))

/** The bits of the nearest half-precision number, ties to even. */
export function toHalf(value: number): number {
  buffer.setFloat32(0, value)
  const bits = buffer.getUint32(0)
  const sign = (bits >>> 16) & 0x8000
  const exponent = ((bits >>> 23) & 0xff) - 112
  const fraction = bits & 0x7fffff
  if (exponent >= 31) return sign | (Number.isNaN(value) ? 0x7e00 : 0x7c00)
  if (exponent <= 0) return sign | subnormal(exponent, fraction)
  // Rounding up may carry into the exponent, which is what is wanted.
  return sign | (((exponent << 10) | (fraction >>> 13)) + roundUp(fraction, 13))
}

function subnormal(exponent: number, fraction: number): number {
  if (exponent < -10) return 0
  const whole = fraction | 0x800000
  const shift = 14 - exponent
  return (whole >>> shift) + roundUp(whole, shift)
}

function roundUp(bits: number, shift: number): number {
  const rest = bits & ((1 << shift) - 1)
  const half = 1 << (shift - 1)
  const odd = (bits >>> shift) & 1
  return rest > half || (rest === half && odd === 1) ? 1 : 0
}
