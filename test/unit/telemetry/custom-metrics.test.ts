import { expect, test } from 'vitest'
import { parseMetricsConfig } from '../../../src/telemetry/metrics-config.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'

const config = parseMetricsConfig(
  `
model_metrics:
  counter:
    - { name: Rejected, unit: Count, dimensions: [ModelName, Reason] }
  gauge:
    - { name: Confidence, unit: Percent, dimensions: [ModelName, Level] }
  histogram:
    - { name: Tokens, unit: Count, dimensions: [ModelName], buckets: [16, 64] }
    - { name: Decode, unit: ms }
`,
  'metrics.yaml',
)

const bucket = (le: string, count: string) =>
  `Tokens_bucket{ModelName="digits",Hostname="myhost",le="${le}",} ${count}\n`

function make(autoDetect = false) {
  const warnings: string[] = []
  const metrics = new Metrics({
    hostname: 'myhost',
    version: '0.1.0',
    mode: 'prometheus',
    config,
    autoDetect,
    warn: (_message, fields) => warnings.push(`${String(fields['metric'])}: ${String(fields['reason'])}`),
  })
  const model = metrics.forModel('digits', '1.0')
  const give = (name: string, value: number, dimensions: Record<string, string> = {}, unit = 'Count') =>
    model.sample({ name, value, unit, dimensions })
  const page = async (...names: string[]) => (await metrics.render(names)).text
  return { warnings, give, page }
}

test('declared metrics are kept as counter, gauge or histogram, with the host as last label', async () => {
  const { give, page, warnings } = make()
  give('Rejected', 1, { Reason: 'dark' })
  give('Rejected', 2, { Reason: 'dark' })
  give('Confidence', 80)
  give('Confidence', 75)
  give('Tokens', 20)
  expect(await page('Rejected')).toBe(
    '# HELP Rejected Torchserve prometheus counter metric with unit: Count\n# TYPE Rejected counter\n' +
      'Rejected{ModelName="digits",Reason="dark",Hostname="myhost",} 3.0\n',
  )
  expect(await page('Confidence')).toContain(
    'Confidence{ModelName="digits",Level="Model",Hostname="myhost",} 75.0\n',
  )
  expect(await page('Tokens_bucket')).toContain(
    bucket('16.0', '0.0') + bucket('64.0', '1.0') + bucket('+Inf', '1.0'),
  )
  expect(warnings).toEqual([])
})

test('a histogram without buckets has those of TorchServe', async () => {
  const { give, page } = make()
  give('Decode', 0.3)
  const bounds = [...(await page('Decode_bucket')).matchAll(/le="([^"]+)"/g)].map(match => match[1])
  expect(bounds.join(' ')).toBe('0.005 0.01 0.025 0.05 0.075 0.1 0.25 0.5 0.75 1.0 2.5 5.0 7.5 10.0 +Inf')
})

test('a handler speaks for its own model and host only', async () => {
  const { give, page } = make()
  give('Rejected', 1, { ModelName: 'fraud', Hostname: 'other', Reason: 'dark' })
  expect(await page('Rejected')).toContain('{ModelName="digits",Reason="dark",Hostname="myhost",}')
})

test('what may not be kept is dropped, and each reason is told once', async () => {
  const { give, page, warnings } = make()
  const before = (await page()).length
  for (let i = 0; i < 3; i++) {
    give('Unheard', 1)
    give('Rejected', 1)
    give('Rejected', -1, { Reason: 'dark' })
    give('Confidence', Number.NaN)
    give('Confidence', Infinity)
    give('Rejected', 1, { Reason: 'x'.repeat(257) })
    give('sconce_workers', 1)
    give('ts_inference_requests_total', 1)
    give('HandlerTime', 1)
  }
  expect(warnings).toEqual([
    'Unheard: metrics.yaml does not declare it under model_metrics, and model_metrics_auto_detect is off',
    'Rejected: it was given without its dimension Reason',
    'Rejected: a counter cannot go down',
    'Confidence: its value is not a finite number',
    'Rejected: its dimension Reason is longer than 256 characters',
    'sconce_workers: the server keeps a metric of this name itself',
    'ts_inference_requests_total: the server keeps a metric of this name itself',
    'HandlerTime: the server keeps a metric of this name itself',
  ])
  expect((await page()).includes('Unheard')).toBe(false)
  expect(Math.abs((await page()).length - before)).toBeLessThan(200)
})

test('with auto-detection a count becomes a counter and anything else a gauge', async () => {
  const { give, page, warnings } = make(true)
  give('Seen', 1, { Colour: 'grey' })
  give('Seen', 1, { Colour: 'grey' })
  give('DecodeTime', 5, {}, 'ms')
  give('DecodeTime', 4, {}, 'ms')
  expect(await page('Seen')).toContain(
    '# TYPE Seen counter\nSeen{ModelName="digits",Level="Model",Colour="grey",Hostname="myhost",} 2.0\n',
  )
  expect(await page('DecodeTime')).toContain('# TYPE DecodeTime gauge\nDecodeTime{')
  expect(await page('DecodeTime')).toContain('} 4.0')
  give('no metric', 1)
  give('Bad', 1, { 'a b': '' })
  give('Bad', 1, { le: '1' })
  give('Bad', 1, { __name__: 'Requests2XX' })
  expect(warnings).toEqual([
    'no metric: its name is not one that Prometheus takes',
    'Bad: the name of a dimension is not one that Prometheus takes',
  ])
})

test('a metric has a thousand series at most', async () => {
  const { give, page, warnings } = make()
  for (let i = 0; i < 1_200; i++) give('Rejected', 1, { Reason: `request ${i}` })
  give('Rejected', 1, { Reason: 'request 0' })
  const lines = (await page('Rejected')).trim().split('\n').slice(2)
  expect(lines).toHaveLength(1_000)
  expect(lines[0]).toContain('Reason="request 0",Hostname="myhost",} 2.0')
  expect(warnings).toEqual(['Rejected: it has 1000 series already'])
})

test('two hundred metrics are detected at most', async () => {
  const { give, page, warnings } = make(true)
  for (let i = 0; i < 250; i++) give(`Detected${i}`, 1)
  expect((await page()).match(/# TYPE Detected/g)).toHaveLength(200)
  expect(warnings[0]).toBe('Detected200: 200 metrics have been detected already')
})
