import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parseMetricsConfig, readMetricsConfig } from '../../../src/telemetry/metrics-config.ts'

const SHIPPED = fileURLToPath(new URL('../../../config/metrics.yaml', import.meta.url))

test('the file that ships shows the times of the worker and declares nothing else', async () => {
  const config = await readMetricsConfig(SHIPPED)
  expect([...config.backend]).toEqual(['HandlerTime', 'PredictionTime'])
  expect(config.modelMetrics).toEqual([])
})

test('the examples in the comments of that file are good as they stand', async () => {
  const text = (await readFile(SHIPPED, 'utf8')).replaceAll(
    /^ {2}# (( {2})*(- |counter:|histogram:|[a-z]+: ).*)$/gm,
    '  $1',
  )
  const { modelMetrics } = parseMetricsConfig(text, 'metrics.yaml')
  expect(modelMetrics.map(metric => `${metric.type} ${metric.name}`)).toEqual([
    'counter RejectedImages',
    'histogram TokensPerRequest',
  ])
})

test("TorchServe's own file is understood", () => {
  const config = parseMetricsConfig(
    `
dimensions:
  - &model_name "ModelName"
  - &level "Level"
  - &hostname "Hostname"
ts_metrics:
  counter:
    - name: Requests2XX
      unit: Count
      dimensions: [*level, *hostname]
  gauge:
  histogram: []
model_metrics:
  gauge:
    - name: HandlerTime
      unit: ms
      dimensions: [*model_name, *level]
    - name: Load
      unit: Percent
      dimensions: [*model_name, *hostname]
`,
    'metrics.yaml',
  )
  expect([...config.backend]).toEqual(['HandlerTime'])
  expect(config.modelMetrics).toEqual([
    {
      name: 'Load',
      type: 'gauge',
      help: 'Torchserve prometheus gauge metric with unit: Percent',
      labels: ['ModelName', 'Hostname'],
    },
  ])
})

test('an empty file declares nothing', () => {
  expect(parseMetricsConfig('', 'metrics.yaml')).toEqual({ modelMetrics: [], backend: new Set() })
})

const gauge = (entry: string) => `model_metrics: { gauge: [${entry}] }`

describe('a file that is wrong is refused with its name and key', () => {
  test.each([
    ['modelmetrics: {}', 'metrics.yaml: the document: Unrecognized key: "modelmetrics"'],
    ['[1, 2]', 'metrics.yaml: the document: Invalid input'],
    ['model_metrics: { summary: [] }', 'metrics.yaml: model_metrics: Unrecognized key: "summary"'],
    [gauge('{ unit: ms }'), 'metrics.yaml: model_metrics.gauge[0].name: Invalid input'],
    [gauge('{ name: a b, unit: ms }'), 'metrics.yaml: model_metrics.gauge[0].name: expected letters'],
    [gauge('{ name: a }'), 'metrics.yaml: model_metrics.gauge[0].unit: Invalid input'],
    [
      gauge('{ name: a, unit: ms, dimensions: [a-b] }'),
      'model_metrics.gauge[0].dimensions[0]: expected letters',
    ],
    [gauge('{ name: a, unit: ms, dimensions: [le] }'), 'dimensions[0]: the name le belongs to the buckets'],
    [gauge('{ name: sconce_workers, unit: ms }'), "name: sconce_workers is a metric of the server's own"],
    [gauge('{ name: Requests2XX, unit: ms }'), "name: Requests2XX is a metric of the server's own"],
    [
      gauge('{ name: a, unit: ms }, { name: a, unit: ms }'),
      'model_metrics.gauge[1].name: a is declared twice',
    ],
    [
      'model_metrics: { counter: [{ name: HandlerTime, unit: ms }] }',
      'HandlerTime is measured by the server',
    ],
    ['model_metrics: { histogram: [{ name: a, unit: ms, buckets: [2, 1] }] }', 'buckets: expected ascending'],
    ['ts_metrics: { counter: [{ name: a }] }', 'metrics.yaml: ts_metrics.counter[0].unit: Invalid input'],
    ['a: [', 'metrics.yaml: not YAML: '],
    ['a: *nobody', 'metrics.yaml: not YAML: Unresolved alias'],
  ])('%s', (text, message) => {
    expect(() => parseMetricsConfig(text, 'metrics.yaml')).toThrow(
      expect.objectContaining({ code: 'BAD_CONFIG', message: expect.stringContaining(message) }),
    )
  })

  test('or that is not there', async () => {
    await expect(readMetricsConfig('/no/such/metrics.yaml')).rejects.toMatchObject({
      code: 'BAD_CONFIG',
      message: '/no/such/metrics.yaml: cannot be read (ENOENT)',
    })
  })
})
