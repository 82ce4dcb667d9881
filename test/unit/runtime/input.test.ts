import { expect, test } from 'vitest'
import { decodeItem } from '../../../src/runtime/input.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const item = (...parameters: [name: string, contentType: string, value: Uint8Array][]) => ({
  requestId: 'r',
  headers: { accept: '*/*' },
  parameters: parameters.map(([name, contentType, value]) => ({ name, contentType, value })),
})

test.each([
  ['application/json', '{"a": [1]}', { a: [1] }],
  ['Application/JSON; charset=utf-8', '1', 1],
  ['application/json', 'null', null],
  ['text/plain', 'grüß', 'grüß'],
  ['text/csv', '1,2', '1,2'],
])('%s is decoded', (contentType, text, value) => {
  expect(decodeItem(item(['body', contentType, bytes(text)]), true).data).toEqual(value)
})

test.each([
  ['application/json', bytes('{"a": ')],
  ['application/json', Uint8Array.of(0xff, 0xfe)],
  ['text/plain', Uint8Array.of(0xff)],
  ['image/png', bytes('png')],
  ['', bytes('1')],
])('bytes stay what they are where %s does not fit them or says nothing', (contentType, value) => {
  expect(decodeItem(item(['body', contentType, value]), true).data).toBe(value)
})

test('nothing is decoded where the server says so', () => {
  const value = bytes('1')
  expect(decodeItem(item(['body', 'application/json', value]), false).data).toBe(value)
})

test('data comes before body, even as null, and the last of a name wins', () => {
  const input = decodeItem(
    item(
      ['data', 'text/plain', bytes('old')],
      ['body', 'text/plain', bytes('b')],
      ['data', 'application/json', bytes('null')],
    ),
    true,
  )
  expect(input.data).toBeNull()
  expect([...input.parameters.keys()]).toEqual(['data', 'body'])
})

test('there is no data where no parameter is called so', () => {
  expect(decodeItem(item(['other', '', bytes('1')]), true).data).toBeUndefined()
})

test('a member __proto__ does not reach the prototype', () => {
  const { data } = decodeItem(
    item(['body', 'application/json', bytes('{"__proto__": {"polluted": 1}}')]),
    true,
  )
  expect(Object.keys(Object(data))).toEqual(['__proto__'])
  expect(Reflect.get({}, 'polluted')).toBeUndefined()
})

test('JSON of a million levels does not exhaust the stack', () => {
  const value = bytes('['.repeat(1e6) + ']'.repeat(1e6))
  expect(decodeItem(item(['body', 'application/json', value]), true).data).toBeDefined()
})
