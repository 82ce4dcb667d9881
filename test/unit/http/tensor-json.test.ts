import { describe, expect, test } from 'vitest'
import { JsonReader } from '../../../src/http/json-reader.ts'
import { scanTensor, type TextForm } from '../../../src/http/tensor-json.ts'
import { writeTensorJson } from '../../../src/http/tensor-json-writer.ts'
import { unpackBytes } from '../../../src/inference/infer-input.ts'
import type { Datatype } from '../../../src/runtime/datatype.ts'

const scan = (datatype: Datatype, shape: readonly number[], text: string, form?: TextForm) =>
  scanTensor(new JsonReader(Buffer.from(text)), { name: 'x', datatype, shape }, form)
const texts = (data: Uint8Array) => unpackBytes(data).map(element => Buffer.from(element).toString('utf8'))

describe('floats', () => {
  test('of any bits come back from JSON as they were', () => {
    const bits = Uint32Array.from({ length: 50_000 }, (_, index) => Math.imul(index + 1, 2_654_435_761))
    const singles = new Float32Array(bits.buffer).filter(single => !Number.isNaN(single))
    const data = new Uint8Array(singles.buffer)
    const shape = [singles.length]
    const written = writeTensorJson({ name: 'y', datatype: 'FP32', shape, data }, 'token').data
    expect(Buffer.from(scan('FP32', shape, written)).equals(data)).toBe(true)
  })

  test('are those of JSON.parse, rounded once more, flat or nested', () => {
    const values = Array.from({ length: 3000 }, (_, index) => Math.sin(index) * 10 ** ((index % 60) - 30))
    const rows = Array.from({ length: 1000 }, (_, row) => values.slice(row * 3, row * 3 + 3))
    const expected = Buffer.from(Float32Array.from(values).buffer)
    for (const data of [values, rows, rows.map(row => row.map(value => [value]))]) {
      for (const text of [JSON.stringify(data), JSON.stringify(data, null, 1)]) {
        const shape = data === rows ? [1000, 3] : [1000, 3, 1]
        expect(Buffer.from(scan('FP32', shape, text)).equals(expected)).toBe(true)
      }
    }
  })
})

describe('BYTES', () => {
  test('are the bytes of the texts, however they are escaped and however many there are', () => {
    const many = Array.from({ length: 5000 }, (_, index) => 'ü'.repeat(index % 7))
    expect(texts(scan('BYTES', [5000], JSON.stringify(many)))).toEqual(many)
    expect(texts(scan('BYTES', [3], '["\\ud834\\udd1e", "\\u00fc\\/\\n", "\\\\\\""]'))).toEqual([
      '𝄞',
      'ü/\n',
      '\\"',
    ])
  })

  test.each(['"\\ud800"', '"\\udd1e\\ud834"', '"a\\udfff"'])('%s is half a character', text => {
    expect(() => scan('BYTES', [1], `[${text}]`)).toThrow('without half a surrogate pair')
  })

  test.each(['', 'aGk=', 'aGk', 'YWI=', 'YWJj', '/+8='])('%j is base64', text => {
    const [element] = unpackBytes(scan('BYTES', [1], `["${text}"]`, 'base64'))
    expect(Buffer.from(element ?? []).equals(Buffer.from(text, 'base64'))).toBe(true)
  })

  test.each(['%%%', 'a', 'aGk==', 'aG k', 'aGk=aGk=', 'aGk\\n', '===='])('%j is no base64', text => {
    expect(() => scan('BYTES', [1], `["${text}"]`, 'base64')).toThrow(/input 'x': .*expected base64/)
  })
})

test('a flag ends where its word does', () => {
  expect(scan('BOOL', [], 'true')).toEqual(Uint8Array.of(1))
  expect(scan('BOOL', [3], '[false, 1 ,0]')).toEqual(Uint8Array.of(0, 1, 0))
  expect(() => scan('BOOL', [], 'truefalse')).toThrow('expected true or false')
})

test('a name of any length makes a short message', () => {
  const head = { name: 'n'.repeat(5000), datatype: 'FP32', shape: [2] }
  for (const text of ['[1]', '["1",2]', '[[1],[2]]', '[1,2,3]']) {
    const message = (() => {
      try {
        scanTensor(new JsonReader(Buffer.from(text)), head)
        return ''
      } catch (error) {
        return String(error)
      }
    })()
    expect(message).toContain('nnnn')
    expect(message.length).toBeLessThan(400)
  }
})
