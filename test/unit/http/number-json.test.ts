import { describe, expect, test } from 'vitest'
import { JsonReader } from '../../../src/http/json-reader.ts'
import { scanBigInteger, scanFloat, scanInteger } from '../../../src/http/number-json.ts'

const readerOf = (text: string) => new JsonReader(Buffer.from(text))

/** Floats of every size, from a generator with a seed: the same in each run. */
function* randomDoubles(count: number): Generator<number> {
  const view = new DataView(new ArrayBuffer(8))
  let state = 12_345n
  for (let index = 0; index < count; index++) {
    state = (state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) & 0xffff_ffff_ffff_ffffn
    view.setBigUint64(0, state)
    const value = view.getFloat64(0)
    yield index % 2 === 0 && Number.isFinite(value) ? value : Number(state) / 2 ** 60
  }
}

describe('floats', () => {
  test('are what JSON.parse reads, to the last bit', () => {
    for (const value of randomDoubles(20_000)) {
      const text = String(value)
      expect(scanFloat(readerOf(text), false)).toBe(JSON.parse(text))
    }
  })

  test('become the single that is nearest', () => {
    for (const value of randomDoubles(20_000)) {
      for (const text of [String(value), String(Math.fround(value)), value.toPrecision(20)]) {
        expect(Math.fround(scanFloat(readerOf(text), true) ?? Number.NaN)).toBe(Math.fround(Number(text)))
      }
    }
  })

  test.each([
    '0',
    '-0',
    '0.1',
    '1e5',
    '1E-7',
    '12345678901234567890',
    '1e-320',
    '-1.7976931348623157e308',
    '1e400',
  ])('%s', text => {
    const reader = readerOf(`${text},`)
    expect(scanFloat(reader, false)).toBe(Number(text))
    expect(reader.at).toBe(text.length)
  })

  test('NaN and the infinities are numbers', () => {
    expect(scanFloat(readerOf('NaN]'), true)).toBeNaN()
    expect(scanFloat(readerOf('Infinity'), true)).toBe(Infinity)
    expect(scanFloat(readerOf('-Infinity '), true)).toBe(-Infinity)
  })

  test.each([
    '',
    '-',
    '.5',
    '1.',
    '01',
    '+1',
    '1e',
    '0x10',
    'nan',
    'inf',
    '1_000',
    '--1',
    '1.2.3',
    'constructor',
  ])('%j is none', text => {
    expect(scanFloat(readerOf(text), false)).toBeUndefined()
  })
})

describe('integers', () => {
  test.each(['0', '-1', '2147483647', '-2147483648'])('%s', text => {
    expect(scanInteger(readerOf(text))).toBe(Number(text))
  })

  test.each(['', '-', '1.0', '1e3', '01', 'true', '"1"'])('%j is none', text => {
    expect(scanInteger(readerOf(text))).toBeUndefined()
  })

  test.each([
    '0',
    '-1',
    '4294967296',
    '-4294967297',
    '9007199254740993',
    '9223372036854775807',
    '-9223372036854775808',
  ])('%s keeps its digits as INT64', text => {
    const words = new Uint32Array(2)
    expect(scanBigInteger(readerOf(text), words, 0, true)).toBe(true)
    expect(new BigInt64Array(words.buffer)[0]).toBe(BigInt(text))
  })

  test.each([
    ['9223372036854775808', true],
    ['-1', false],
    ['18446744073709551616', false],
    ['1.5', true],
    ['9'.repeat(1000), true],
  ])('%s is beyond its type', (text, isSigned) => {
    expect(scanBigInteger(readerOf(text), new Uint32Array(2), 0, isSigned)).toBe(false)
  })
})
