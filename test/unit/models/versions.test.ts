import { expect, test } from 'vitest'
import { choose } from '../../../src/models/versions.ts'

const table = { versions: ['1.0', '2.0'], defaultVersion: '2.0' }

test.each([
  ['none is the default', undefined, '2.0'],
  ['one that is there is that one', '1.0', '1.0'],
  ['one that is not there is none', '3.0', undefined],
  ['one that is written otherwise is none', '1', undefined],
  ['an empty one is none', '', undefined],
])('the version that a request gets which names %s', (_case, asked, version) => {
  expect(choose(table, asked)).toBe(version)
})

test('a default that is gone is none', () => {
  expect(choose({ versions: ['1.0'], defaultVersion: '2.0' }, undefined)).toBeUndefined()
})
