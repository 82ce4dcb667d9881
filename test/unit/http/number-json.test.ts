import { describe, expect, test } from 'vitest'
import { JsonReader } from '../../../src/http/json-reader.ts'
import { scanBigInteger, scanFloats, scanInteger, type Wrong } from '../../../src/http/number-json.ts'

const readerOf = (text: string) => new JsonReader(Buffer.from(text))

class Refused extends Error {
  readonly wrong: Wrong
  constructor(wrong: Wrong) {
    super(wrong)
    this.wrong = wrong
  }
}

/** As a single or a double; else what is wrong with it. */
function scanFloat(text: string | JsonReader, isSingle: boolean): number | Wrong | undefined {
  const floats = isSingle ? new Float32Array(1) : new Float64Array(1)
  try {
    scanFloats(typeof text === 'string' ? readerOf(text) : text, floats, 0, wrong => new Refused(wrong))
    return floats[0]
  } catch (error) {
    if (error instanceof Refused) return error.wrong
    throw error
  }
}

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
      expect(scanFloat(text, false)).toBe(JSON.parse(text))
    }
  })

  test('become the single that is nearest', () => {
    for (const value of randomDoubles(20_000)) {
      for (const text of [String(value), String(Math.fround(value)), value.toPrecision(20)]) {
        const single = Math.fround(Number(text))
        const isSaid = Number.isFinite(single) || text.endsWith('Infinity')
        expect(scanFloat(text, true)).toBe(isSaid ? single : 'out of range')
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
    `0.1${'0'.repeat(2000)}`,
  ])('%s', text => {
    const reader = readerOf(`${text} ]`)
    expect(scanFloat(reader, false)).toBe(Number(text))
    expect(reader.at).toBe(text.length + 1)
  })

  test('NaN and the infinities are numbers', () => {
    expect(scanFloat('NaN]', true)).toBeNaN()
    expect(scanFloat('Infinity', true)).toBe(Infinity)
    expect(scanFloat('-Infinity ', true)).toBe(-Infinity)
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
    expect(scanFloat(text, false)).toBe('no number')
    expect(scanFloat(text, true)).toBe('no number')
  })

  test.each([
    ['3.4028235677973366e38', true],
    ['-3.4028235677973366e38', true],
    ['1e39', true],
    ['1e400', true],
    ['-1e400', false],
    ['9'.repeat(400), false],
  ])('%s is beyond its type, not an infinity', (text, isSingle) => {
    expect(scanFloat(text, isSingle)).toBe('out of range')
  })

  test('the largest single is one', () => {
    expect(scanFloat('3.4028235677973362e38', true)).toBe(3.4028234663852886e38)
  })

  test('digits are read in groups of four, which end anywhere', () => {
    for (let whole = 1; whole < 6; whole++) {
      for (let decimals = 1; decimals < 22; decimals++) {
        const text = `${'7'.repeat(whole)}.${'0123456789012345678901'.slice(0, decimals)}`
        for (const end of ['', ',1', ']', ' ]', '\n', '}']) {
          const reader = readerOf(text + end)
          const floats = new Float32Array(2)
          scanFloats(reader, floats, 0, wrong => new Refused(wrong))
          expect(floats[0]).toBe(Math.fround(Number(text)))
        }
        for (const end of ['/', ':', 'x', '.', '\u00b0', '-'])
          expect(scanFloat(text + end, true)).toBe('no number')
      }
    }
  })

  test('several are read up to what is no number, one too many or the end of the list', () => {
    const read = (text: string) => {
      const floats = new Float32Array(3)
      const reader = readerOf(text)
      try {
        return [scanFloats(reader, floats, 1, wrong => new Refused(wrong)), ...floats]
      } catch (error) {
        return [(error as Refused).wrong, reader.at]
      }
    }
    expect(read(' 1.5 , -2]')).toEqual([3, 0, 1.5, -2])
    expect(read('1.5]')).toEqual([2, 0, 1.5, 0])
    expect(read('1,2, 3')).toEqual(['one too many', 5])
    expect(read('1,]')).toEqual(['no number', 2])
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
