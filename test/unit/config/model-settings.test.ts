import { expect, test } from 'vitest'
import { parseModelTable } from '../../../src/config/model-settings.ts'

const noop = { '1.0': { defaultVersion: true, marName: 'noop.mar', batchSize: 8, maxBatchDelay: 50 } }

test('settings are found by name and version', () => {
  const table = parseModelTable(JSON.stringify({ noop }))
  expect(table?.settings.noop?.['1.0']?.batchSize).toBe(8)
  expect(table?.settings.noop?.['2.0']).toBeUndefined()
  expect(table?.warnings).toEqual([])
})

test('names of JavaScript find nothing', () => {
  const table = parseModelTable('{"__proto__":{"1.0":{"batchSize":2}}}')
  expect(table?.settings.constructor).toBeUndefined()
  expect(table?.settings['__proto__']?.['1.0']?.batchSize).toBe(2)
  expect(Object.prototype).not.toHaveProperty('1.0')
})

test.each([
  ['{"a":3}', 'models: a is ignored: expected an object with versions'],
  ['{"a":{"1":[]}}', 'models: a.1 is ignored: expected an object with settings'],
  ['{"a":{"1":{"batchSize":0}}}', 'models: a.1.batchSize is ignored'],
  ['{"a":{"1":{"batchSize":-4}}}', 'models: a.1.batchSize is ignored'],
  ['{"a":{"1":{"batchSize":"8"}}}', 'models: a.1.batchSize is ignored'],
  ['{"a":{"1":{"minWorkers":1.5}}}', 'models: a.1.minWorkers is ignored'],
  ['{"a":{"1":{"batchsize":1}}}', 'models: a.1.batchsize is ignored: there is no such setting'],
  ['{"a":{"1":{"toString":1}}}', 'models: a.1.toString is ignored: there is no such setting'],
])('what is not usable is left out with a warning: %s', (text, warning) => {
  const table = parseModelTable(text)
  expect(table?.warnings).toEqual([expect.stringContaining(warning)])
  expect(table?.settings.a?.['1'] ?? {}).toEqual({})
})

test.each(['', '[]', '3', 'null', '{"a":'])('%j is not a table', text => {
  expect(parseModelTable(text)).toBeUndefined()
})
