import { expect, test } from 'vitest'
import { dropEndlessTimeout } from '../../../src/grpc/endless-timeout.ts'

test.each([
  ['99999999H', undefined],
  ['2147484S', undefined],
  ['597H', undefined],
  ['2147483S', '2147483S'],
  ['596H', '596H'],
  ['99999999m', '99999999m'],
  ['99999999u', '99999999u'],
  ['1n', '1n'],
  ['soon', 'soon'],
  ['999999999H', '999999999H'],
  [undefined, undefined],
])('of the timeout %s is left %s', (given, left) => {
  const headers = given === undefined ? {} : { 'grpc-timeout': given }
  dropEndlessTimeout(headers)
  expect(headers).toEqual(left === undefined ? {} : { 'grpc-timeout': left })
})
