import { describe, expect, test } from 'vitest'
import { JsonReader, type Json } from '../../../src/http/json-reader.ts'

/** The same numbers in each run, from 0 to below 1. */
function makeDice(): () => number {
  let state = 12_345
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const dice = makeDice()
const pick = <T>(...of: readonly T[]): T | undefined => of[Math.floor(dice() * of.length)]

function randomJson(depth = 0): Json {
  const kind = Math.floor(dice() * (depth > 4 ? 4 : 6))
  if (kind === 0) return pick<Json>(null, true, false) ?? null
  if (kind === 1) return pick(0, -1, 1.5, 1e300, -2.5e-7, dice()) ?? 0
  if (kind < 4) return pick('', 'a', 'grün', '"\\/', '\u0000\n', '𝄞', '\ud800', ']}[{', '\u007f') ?? ''
  const values = Array.from({ length: Math.floor(dice() * 4) }, () => randomJson(depth + 1))
  return kind === 4
    ? values
    : Object.fromEntries(values.map((value, index) => [`${pick('k', 'ü', '')}${index}`, value]))
}

/** One character added, taken away or replaced. */
function mutate(text: string): string {
  const at = Math.floor(dice() * text.length)
  const more =
    pick('', ',', ':', '[', ']', '{', '}', '"', '\\', '0', '-', '.', 'e', ' ', 'null', '\n', '\t') ?? ''
  return text.slice(0, at) + more + text.slice(at + Math.floor(dice() * 2))
}

function parsed(text: string): Json | Error {
  try {
    return JSON.parse(text) as Json
  } catch {
    return new Error('not JSON')
  }
}

function read(text: string): Json | Error {
  const reader = new JsonReader(Buffer.from(text))
  try {
    const value = reader.value()
    reader.end()
    return value
  } catch {
    return new Error('not JSON')
  }
}

describe('a value', () => {
  test('is what JSON.parse makes of it, whatever is in it', () => {
    for (let count = 0; count < 3000; count++) {
      const text = JSON.stringify(randomJson(), null, pick('', ' ', '\t'))
      expect(read(text)).toEqual(parsed(text))
    }
  })

  test('is refused where JSON.parse refuses it', () => {
    for (let count = 0; count < 6000; count++) {
      // As UTF-8 has it, in which there is no half of a pair.
      const text = mutate(mutate(JSON.stringify(randomJson()))).toWellFormed()
      expect([text, read(text)]).toEqual([text, parsed(text)])
    }
  })

  test('is passed over as far as it reaches', () => {
    for (let count = 0; count < 2000; count++) {
      const text = JSON.stringify(randomJson())
      const reader = new JsonReader(Buffer.from(`${text} ,`))
      reader.skip()
      expect(reader.takes(0x2c)).toBe(true)
      reader.end()
    }
  })
})

describe('the members of an object', () => {
  const names = (text: string) => {
    const reader = new JsonReader(Buffer.from(text))
    return Array.from(reader.members('it'), name => [name, reader.value()])
  }

  test('come in their order, without those that are null', () => {
    expect(names('{"b":1, "a" : null, "c":[2]}')).toEqual([
      ['b', 1],
      ['c', [2]],
    ])
  })

  test.each(['{"a":1,"a":1}', '{"a":null,"a":1}', '{"a":1,"\\u0061":1}'])('%s has one twice', text => {
    expect(() => names(text)).toThrow('expected each member once')
  })

  test.each(['{"a":nul}', '{"a":nullx}', '{"a" 1}', '{"a":1,}', '{a:1}', '{"a":1'])('%s are none', text => {
    expect(() => names(text)).toThrow('failed to parse the request JSON')
  })
})
