import { describe, expect, test } from 'vitest'
import { isReserved, listMetrics } from '../../../src/telemetry/metric-table.ts'
import { Metrics, type MetricsOptions } from '../../../src/telemetry/metrics.ts'

function make(options: Partial<MetricsOptions> = {}): Metrics {
  return new Metrics({ hostname: 'myhost', version: '0.1.0', mode: 'prometheus', ...options })
}

async function page(metrics: Metrics, ...names: string[]): Promise<string> {
  return (await metrics.render(names)).text
}

const gauges = { queueLength: () => 4, queueBytes: () => 1024, isCircuitOpen: () => false }

function serveOne(metrics: Metrics, name: string, version = '1.0') {
  const model = metrics.forModel(name, version)
  model.accepted(false)
  model.accepted(true)
  model.answered({ queueMs: 2.75, totalMs: 12.5, versionInUrl: false })
  model.answered({ queueMs: 0.25, totalMs: 3, versionInUrl: true })
  model.batch({ size: 2, cutBy: 'idle', workerMs: 9.6, handlerMs: 8, predictionMs: 7.5 })
  model.failed('QUEUE_FULL')
  model.dropped('queue_full')
  model.discarded('deadline')
  model.retried(3)
  model.workerLoaded(`W-9000-${name}_${version}`, 321)
  model.workerRestarted()
  model.watch({ ...gauges, workers: () => ({ ready: 2, starting: 1 }) })
  return model
}

const at = (bound: string) =>
  `sconce_batch_size_bucket{model_name="digits",model_version="1.0",le="${bound}",}`

describe('the page', () => {
  test('has the form of TorchServe', async () => {
    const metrics = make()
    for (const status of [200, 206, 200, 404, 500, 302]) metrics.countResponse(status)
    const { contentType, text } = await metrics.render()
    expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(
      text.startsWith(`# HELP Requests2XX Torchserve prometheus counter metric with unit: Count
# TYPE Requests2XX counter
Requests2XX{Level="Host",Hostname="myhost",} 3.0
# HELP Requests4XX Torchserve prometheus counter metric with unit: Count
# TYPE Requests4XX counter
Requests4XX{Level="Host",Hostname="myhost",} 1.0
# HELP Requests5XX Torchserve prometheus counter metric with unit: Count
# TYPE Requests5XX counter
Requests5XX{Level="Host",Hostname="myhost",} 2.0
`),
    ).toBe(true)
    const line = /^(# (HELP|TYPE) .+|[a-zA-Z_:][\w:]*(\{(\w+="[^"\n]*",)+\})? \S+)$/
    for (const each of text.trimEnd().split('\n')) expect(each).toMatch(line)
  })

  test('shows what a model served', async () => {
    const metrics = make()
    serveOne(metrics, 'digits')
    const lines = (await page(metrics)).split('\n').filter(line => !line.startsWith('#'))
    const served = lines.filter(
      line => /digits|QueueTime|WorkerThread/.test(line) && !line.includes('_bucket'),
    )
    expect(served).toEqual([
      'ts_inference_requests_total{model_name="digits",model_version="default",hostname="myhost",} 1.0',
      'ts_inference_requests_total{model_name="digits",model_version="1.0",hostname="myhost",} 1.0',
      'ts_inference_latency_microseconds{model_name="digits",model_version="default",hostname="myhost",} 12500.0',
      'ts_inference_latency_microseconds{model_name="digits",model_version="1.0",hostname="myhost",} 3000.0',
      'ts_queue_latency_microseconds{model_name="digits",model_version="default",hostname="myhost",} 2750.0',
      'ts_queue_latency_microseconds{model_name="digits",model_version="1.0",hostname="myhost",} 250.0',
      'QueueTime{Level="Host",Hostname="myhost",} 0.0',
      'WorkerThreadTime{Level="Host",Hostname="myhost",} 2.0',
      'WorkerLoadTime{WorkerName="W-9000-digits_1.0",Level="Host",Hostname="myhost",} 321.0',
      'HandlerTime{ModelName="digits",Level="Model",Hostname="myhost",} 8.0',
      'PredictionTime{ModelName="digits",Level="Model",Hostname="myhost",} 7.5',
      'sconce_inference_duration_seconds_count{model_name="digits",model_version="1.0",} 2.0',
      'sconce_inference_duration_seconds_sum{model_name="digits",model_version="1.0",} 0.0155',
      'sconce_queue_duration_seconds_count{model_name="digits",model_version="1.0",} 2.0',
      'sconce_queue_duration_seconds_sum{model_name="digits",model_version="1.0",} 0.003',
      'sconce_worker_duration_seconds_count{model_name="digits",model_version="1.0",} 1.0',
      'sconce_worker_duration_seconds_sum{model_name="digits",model_version="1.0",} 0.0096',
      'sconce_batch_size_count{model_name="digits",model_version="1.0",} 1.0',
      'sconce_batch_size_sum{model_name="digits",model_version="1.0",} 2.0',
      'sconce_inference_failures_total{model_name="digits",model_version="1.0",code="QUEUE_FULL",} 1.0',
      'sconce_workers{model_name="digits",model_version="1.0",state="ready",} 2.0',
      'sconce_workers{model_name="digits",model_version="1.0",state="starting",} 1.0',
      'sconce_queue_length{model_name="digits",model_version="1.0",} 4.0',
      'sconce_queue_bytes{model_name="digits",model_version="1.0",} 1024.0',
      'sconce_batches_total{model_name="digits",model_version="1.0",cut_by="idle",} 1.0',
      'sconce_requests_dropped_total{model_name="digits",model_version="1.0",cause="queue_full",} 1.0',
      'sconce_answers_discarded_total{model_name="digits",model_version="1.0",cause="deadline",} 1.0',
      'sconce_requests_retried_total{model_name="digits",model_version="1.0",} 3.0',
      'sconce_circuit_open{model_name="digits",model_version="1.0",} 0.0',
      'sconce_worker_restarts_total{model_name="digits",model_version="1.0",} 1.0',
    ])
  })

  test('counts buckets up, with the bound as the last label', async () => {
    const metrics = make()
    serveOne(metrics, 'digits')
    const buckets = (await page(metrics, 'sconce_batch_size_bucket')).trim().split('\n').slice(2)
    expect(buckets.slice(0, 3)).toEqual([`${at('1.0')} 0.0`, `${at('2.0')} 1.0`, `${at('4.0')} 1.0`])
    expect(buckets.at(-1)).toBe(`${at('+Inf')} 1.0`)
  })

  test('goes on counting from page to page', async () => {
    const metrics = make()
    const model = serveOne(metrics, 'digits')
    await page(metrics)
    model.accepted(true)
    metrics.countResponse(200)
    expect(await page(metrics, 'ts_inference_requests_total')).toContain(
      'model_version="1.0",hostname="myhost",} 2.0',
    )
    expect(await page(metrics, 'Requests2XX')).toContain('} 1.0')
  })

  test('takes the gauges of a model anew each time', async () => {
    const metrics = make()
    let workers: Record<string, number> = { starting: 1 }
    metrics.forModel('digits', '1.0').watch({ ...gauges, workers: () => workers })
    expect(await page(metrics, 'sconce_workers')).toContain('state="starting",} 1.0')
    workers = { ready: 1 }
    const after = await page(metrics, 'sconce_workers')
    expect(after).toContain('state="ready",} 1.0')
    expect(after).not.toContain('starting')
  })

  test('can be cut down to samples by name', async () => {
    const metrics = make()
    const text = await page(metrics, 'sconce_build_info', 'no_such_metric')
    expect(text).toBe(
      '# HELP sconce_build_info Always 1; the labels say what is running.\n# TYPE sconce_build_info gauge\n' +
        `sconce_build_info{version="0.1.0",node="${process.version}",} 1.0\n`,
    )
  })

  test('is empty in the mode log, and has three counters in the mode legacy', async () => {
    const log = make({ mode: 'log' })
    serveOne(log, 'digits')
    expect(await page(log)).toBe('')
    const legacy = make({ mode: 'legacy' })
    serveOne(legacy, 'digits')
    const types = (await page(legacy)).split('\n').filter(line => line.startsWith('# TYPE'))
    expect(types).toEqual([
      '# TYPE ts_inference_requests_total counter',
      '# TYPE ts_inference_latency_microseconds counter',
      '# TYPE ts_queue_latency_microseconds counter',
    ])
  })

  test("shows the server's own process", async () => {
    const text = await page(make())
    for (const name of [
      'process_resident_memory_bytes',
      'process_cpu_seconds_total',
      'nodejs_eventloop_lag_seconds',
    ]) {
      expect(text).toMatch(new RegExp(`^${name} \\d`, 'm'))
    }
  })

  test("shows the host's load where there is a source", async () => {
    const metrics = make()
    expect(await page(metrics, 'CPUUtilization')).toBe('')
    const disk = { diskUsedGB: 5, diskAvailableGB: 6, diskPercent: 45.5 }
    const memory = { memoryUsedMB: 2, memoryAvailableMB: 3, memoryPercent: 40 }
    metrics.setHostSource(() => Promise.resolve({ cpuPercent: 12.5, ...memory, ...disk }))
    expect(await page(metrics, 'CPUUtilization')).toContain(
      'CPUUtilization{Level="Host",Hostname="myhost",} 12.5',
    )
    expect(await page(metrics, 'DiskUtilization')).toContain('} 45.5')
  })

  test('takes names and hosts with quotes and line breaks without breaking a line', async () => {
    const metrics = make({ hostname: 'a"b' })
    metrics.forModel('x"} 1\nforged 1', '1\\').accepted(true)
    const text = await page(metrics, 'ts_inference_requests_total')
    expect(text.split('\n')).toHaveLength(4)
    expect(text).toContain('{model_name="x\\"} 1\\nforged 1",model_version="1\\\\",hostname="a\\"b",} 1.0')
  })

  test('keeps its counters when it is given impossible times', async () => {
    const metrics = make()
    const model = metrics.forModel('digits', '1.0')
    model.answered({ queueMs: -1, totalMs: Number.NaN, versionInUrl: true })
    model.answered({ queueMs: 1, totalMs: 1, versionInUrl: true })
    expect(await page(metrics, 'ts_inference_latency_microseconds')).toContain('} 1000.0')
    expect(await page(metrics, 'sconce_queue_duration_seconds_count')).toContain('} 2.0')
  })
})

describe('a model that is unregistered', () => {
  test('leaves no series behind, and late answers bring none back', async () => {
    const metrics = make({ autoDetect: true })
    const model = serveOne(metrics, 'digits')
    model.sample({ name: 'Rejected', value: 1, unit: 'count', dimensions: { Reason: 'dark' } })
    await page(metrics)
    model.drop()
    model.drop()
    model.workerGone('W-9000-digits_1.0')
    expect(await page(metrics)).not.toContain('digits')
    model.accepted(true)
    model.answered({ queueMs: 1, totalMs: 1, versionInUrl: true })
    model.batch({ size: 1, cutBy: 'full', workerMs: 1, handlerMs: 1, predictionMs: 1 })
    model.failed('WORKER_DIED')
    model.workerLoaded('W-9000-digits_1.0', 1)
    model.workerRestarted()
    model.sample({ name: 'Rejected', value: 1, unit: 'count', dimensions: { Reason: 'dark' } })
    expect(await page(metrics)).not.toContain('digits')
  })

  test('leaves what other versions and models have', async () => {
    const metrics = make()
    const first = serveOne(metrics, 'digits', '1.0')
    const second = serveOne(metrics, 'digits', '2.0')
    serveOne(metrics, 'fraud')
    first.drop()
    const text = await page(metrics)
    expect(text).not.toContain(
      'model_version="1.0",hostname="myhost",} 1.0\nts_inference_requests_total{model_name="digits"',
    )
    expect(text).toContain(
      'ts_inference_requests_total{model_name="digits",model_version="default",hostname="myhost",} 2.0',
    )
    expect(text).toContain(
      'ts_inference_requests_total{model_name="digits",model_version="2.0",hostname="myhost",} 1.0',
    )
    expect(text).not.toContain('model_name="digits",model_version="1.0"')
    second.drop()
    const after = await page(metrics)
    expect(after).not.toContain('digits')
    expect(after).toContain('model_name="fraud"')
  })

  test('starts from nothing when it is registered again', async () => {
    const metrics = make()
    const before = serveOne(metrics, 'digits')
    expect(metrics.forModel('digits', '1.0')).toBe(before)
    before.drop()
    const after = metrics.forModel('digits', '1.0')
    after.accepted(true)
    before.accepted(true)
    expect(await page(metrics, 'ts_inference_requests_total')).toMatch(
      /^(# .*\n){2}ts_inference_requests_total\{.*\} 1\.0\n$/,
    )
  })
})

test('every metric is in the table once, with a help text and labels that Prometheus takes', () => {
  for (const { name, help, labels } of listMetrics()) {
    expect(name).toMatch(/^[a-zA-Z_][a-zA-Z0-9_]*$/)
    expect(help).not.toBe('')
    for (const label of labels) expect(label).toMatch(/^[a-zA-Z_]\w*$/)
    expect(isReserved(name)).toBe(true)
  }
  expect(isReserved('toString')).toBe(false)
})
