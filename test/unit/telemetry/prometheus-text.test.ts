import { expect, test } from 'vitest'
import { familyText, javaDouble } from '../../../src/telemetry/prometheus-text.ts'

test.each([
  [3, '3.0'],
  [0, '0.0'],
  [-0, '-0.0'],
  [-2.5, '-2.5'],
  [0.001, '0.001'],
  [0.0001, '1.0E-4'],
  [0.000123, '1.23E-4'],
  [9_999_999, '9999999.0'],
  [1e7, '1.0E7'],
  [-12_345_678, '-1.2345678E7'],
  [1e21, '1.0E21'],
  [Number.NaN, 'NaN'],
  [Infinity, '+Inf'],
  [-Infinity, '-Inf'],
])('%d is printed as Java prints a double: %s', (value, text) => {
  expect(javaDouble(value)).toBe(text)
})

const row = { type: 'gauge', help: 'a \\ and a\nline', labels: ['b', 'a'] } as const

test('labels stand in the order of the table, escaped, each with a comma behind it', () => {
  const sample = { value: 1, labels: { a: 'back\\slash', b: 'quote" and\nline' } }
  expect(familyText('load', row, [sample])).toBe(
    '# HELP load a \\\\ and a\\nline\n# TYPE load gauge\n' +
      'load{b="quote\\" and\\nline",a="back\\\\slash",} 1.0\n',
  )
})

test('without labels there are no braces', () => {
  expect(familyText('load', { ...row, labels: [] }, [{ value: 2, labels: {} }])).toContain('\nload 2.0\n')
})

test('a filter leaves out samples of other names, and a metric that has none left', () => {
  const samples = [
    { value: 1, labels: { le: '+Inf' }, metricName: 'x_bucket' },
    { value: 9, labels: {}, metricName: 'x_sum' },
    { value: 1, labels: {}, metricName: 'x_count' },
  ]
  const histogram = { type: 'histogram', help: 'x', labels: [] } as const
  const head = '# HELP x x\n# TYPE x histogram\n'
  expect(familyText('x', histogram, samples, new Set(['x_count']))).toBe(`${head}x_count 1.0\n`)
  expect(familyText('x', histogram, samples, new Set(['x']))).toBe('')
  expect(familyText('x', histogram, samples)).toBe(
    `${head}x_bucket{le="+Inf",} 1.0\nx_count 1.0\nx_sum 9.0\n`,
  )
})
