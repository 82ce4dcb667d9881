import { describe, expect, test } from 'vitest'
import { writeSingles } from '../../../src/http/single-json.ts'
import { writeTensorJson } from '../../../src/http/tensor-json-writer.ts'
import { packBytes } from '../../../src/inference/infer-input.ts'
import type { Datatype } from '../../../src/runtime/datatype.ts'

const shortestSingle = (value: number) => writeSingles(Float32Array.of(value), String)

const tensor = (datatype: Datatype, data: ArrayBufferView<ArrayBuffer>) => ({
  name: 'y',
  datatype,
  shape: [1],
  data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
})

describe('singles', () => {
  test.each([
    [0.1, '0.1'],
    [1 / 3, '0.33333334'],
    [16_777_216, '16777216'],
    [3.4028234663852886e38, '3.4028235e+38'],
    [1.401298464324817e-45, '1e-45'],
    [-0, '-0'],
    [1e-5, '0.00001'],
    [-12.25, '-12.25'],
    [0.0005, '0.0005'],
  ])('%d in the fewest digits', (value, text) => {
    const single = Math.fround(value)
    expect(Math.fround(Number(shortestSingle(single)))).toBe(single)
    expect(shortestSingle(single)).toBe(text)
  })

  test('read back as they were, all over their range', () => {
    const bits = new Uint32Array(1)
    const single = new Float32Array(bits.buffer)
    for (let index = 0; index < 20_000; index++) {
      bits[0] = (index * 2_654_435_761) % 2 ** 32
      const value = single[0] ?? 0
      if (!Number.isFinite(value)) continue
      expect(Math.fround(Number(shortestSingle(value)))).toBe(value)
    }
  })
})

describe('a tensor', () => {
  const special = Float32Array.of(1.5, Number.NaN, -Infinity)
  test.each([
    ['token', '[1.5,NaN,-Infinity]'],
    ['null', '[1.5,null,null]'],
    ['string', '[1.5,"NaN","-Infinity"]'],
  ] as const)('says what is no number as %s', (form, text) => {
    expect(writeTensorJson(tensor('FP32', special), form).data).toBe(text)
  })

  test('refuses what is no number where that is asked for', () => {
    expect(() => writeTensorJson(tensor('FP32', special), 'error')).toThrow("output 'y' holds NaN")
  })

  test('prints 64-bit integers with every digit', () => {
    expect(writeTensorJson(tensor('UINT64', BigUint64Array.of(2n ** 64n - 1n)), 'token').data).toBe(
      '[18446744073709551615]',
    )
  })

  test('is read from wherever its bytes lie', () => {
    const bytes = Buffer.concat([Buffer.alloc(3), Buffer.from(Float64Array.of(2.5).buffer)])
    const odd = { name: 'y', datatype: 'FP64' as const, shape: [1], data: bytes.subarray(3) }
    expect(writeTensorJson(odd, 'token').data).toBe('[2.5]')
  })

  test('of bytes that are no text is base64, and says so', () => {
    const bytes = {
      name: 'y',
      datatype: 'BYTES' as const,
      shape: [1],
      data: packBytes([Uint8Array.of(0xff)]),
    }
    expect(writeTensorJson(bytes, 'token')).toEqual({ data: '["/w=="]', isBase64: true })
  })
})
