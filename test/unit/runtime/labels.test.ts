import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadLabels, parseLabels } from '../../../src/runtime/labels.ts'

test.each([
  ['{"0": "tench", "1": "goldfish"}'],
  ['{"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]}'],
  ['{"object_type_names": ["tench", "goldfish"]}'],
  ['\uFEFF{"1": "goldfish", "0": ["tench"]}'],
])('labels are read from %s', text => {
  const labels = parseLabels(text)
  expect([labels(0), labels(1), labels(2)]).toEqual(['tench', 'goldfish', '2'])
})

test.each([
  ['{"0": ', 'it is not JSON'],
  ['["tench"]', 'expected an object from class index to label'],
  ['null', 'expected an object'],
  ['{"0": 1}', 'the label of "0" should be a string, or a list that ends with one'],
  ['{"0": []}', 'the label of "0" should be a string'],
  ['{"object_type_names": {"0": "a"}}', '"object_type_names" should be a list of labels'],
  ['{"object_type_names": ["a", null]}', 'the label of "1" should be a string'],
])('%s is refused at load', (text, message) => {
  expect(() => parseLabels(text)).toThrow(`index_to_name.json: ${message}`)
})

test('a label called like a member of every object is not found by chance', () => {
  expect(parseLabels('{"__proto__": "p", "0": "zero"}')(0)).toBe('zero')
})

test('labels come from the model folder, and without a file the index is the label', () => {
  const dir = mkdtempSync(join(tmpdir(), 'labels-'))
  expect(loadLabels(dir)(7)).toBe('7')
  writeFileSync(join(dir, 'index_to_name.json'), '{"7": "seven"}')
  expect(loadLabels(dir)(7)).toBe('seven')
})
