import { expect, test } from 'vitest'
import { decodeBase64 } from '../../../src/runtime/base64.ts'
import { InvalidInput } from '../../../src/runtime/handler.ts'

test.each([
  'aGVsbG8gd29ybGQ=',
  'aGVsbG8gd29ybGQ',
  'aGVsbG8g\r\nd29ybGQ=\n',
  'data:image/png;base64,aGVsbG8gd29ybGQ=',
  'data:image/svg+xml;charset=utf-8;base64,aGVsbG8gd29ybGQ=',
])('%j is decoded', text => {
  expect(Buffer.from(decodeBase64(text)).toString()).toBe('hello world')
})

test.each([
  '',
  '   ',
  'hello world!',
  'aGVsbG8=d29ybGQ=',
  'aaaaa',
  'aGVsbG8gd29ybGQ==',
  '===',
  'data:image/png,abcd',
  'aG-_',
])('%j is refused', text => {
  expect(() => decodeBase64(text)).toThrow(InvalidInput)
})
