import { spawnSync } from 'node:child_process'
import { afterEach, describe, expect, test } from 'vitest'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { startTracing, type Tracing, type TracingOptions } from '../../../src/telemetry/tracing.ts'
import { listenHttp } from '../../support/http-listener.ts'
import { listenUdp } from '../../support/udp-listener.ts'

const logger = createLogger({ format: 'json', level: 'silent' })
const facts = { model: 'digits', version: '1.0', requestId: 'request-1' }
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

async function start(options: Partial<TracingOptions>): Promise<Tracing> {
  const defaults = {
    exporter: 'jaeger',
    serviceName: 'sconce',
    version: '0.1.0',
    sampleRatio: () => 1,
    logger,
  } as const
  const tracing = await startTracing({ ...defaults, ...options })
  closing.push(() => tracing.stop())
  return tracing
}

async function agent() {
  const listener = await listenUdp()
  closing.push(() => listener.close())
  return listener
}

async function collector() {
  const listener = await listenHttp()
  closing.push(() => listener.close())
  return listener
}

function predict(tracing: Tracing, headers: Record<string, string> = {}) {
  const span = tracing.startPrediction(headers, { ...facts, startMs: Date.now() - 10 })
  span?.stage('queue', Date.now() - 10, Date.now() - 8.5)
  span?.stage('preprocess', Date.now() - 8.5, Date.now() - 6)
  span?.stage('inference', Date.now() - 6, Date.now() - 1)
  span?.stage('postprocess', Date.now() - 1, Date.now())
  span?.setBatchSize(3)
  span?.end()
  return span
}

function missing(bytes: Buffer | undefined, texts: readonly string[]): string[] {
  return texts.filter(each => bytes?.includes(each) !== true)
}

const SPANS = ['predict digits', 'queue', 'preprocess', 'inference', 'postprocess']

describe('exporters', () => {
  test('a Jaeger agent gets the service, the spans and their attributes over UDP', async () => {
    const udp = await agent()
    const tracing = await start({ jaegerAgent: { host: '127.0.0.1', port: udp.port } })
    const span = predict(tracing)
    await tracing.stop()
    await udp.until(all => all.length > 0)
    const bytes = Buffer.concat(udp.packets)
    expect(
      missing(bytes, [
        'sconce',
        ...SPANS,
        'model.name',
        'model.version',
        'request.id',
        'request-1',
        'batch.size',
      ]),
    ).toEqual([])
    expect(bytes.includes(Buffer.from(span?.traceId.slice(16) ?? 'none', 'hex'))).toBe(true)
  })

  test('a Jaeger collector gets them over HTTP, on its own path', async () => {
    const { origin, posts } = await collector()
    const tracing = await start({ jaegerEndpoint: origin })
    predict(tracing)
    await tracing.stop()
    expect(posts.map(post => post.url)).toEqual(['/api/traces'])
    expect(posts[0]?.contentType).toBe('application/x-thrift')
    expect(missing(posts[0]?.body, ['sconce', ...SPANS])).toEqual([])
  })

  test('an OTLP collector gets them over HTTP, failures with their code', async () => {
    const { origin, posts } = await collector()
    const tracing = await start({ exporter: 'otlp', otlpEndpoint: origin })
    predict(tracing)
    const failing = tracing.startPrediction({}, { ...facts, protocol: 'grpc' })
    failing?.end({ code: 'WORKER_DIED', message: 'Worker died.' })
    await tracing.stop()
    expect(posts[0]?.url).toBe('/v1/traces')
    expect(posts[0]?.contentType).toBe('application/x-protobuf')
    const body = Buffer.concat(posts.map(post => post.body))
    expect(missing(body, ['service.name', 'sconce', 'service.version', '0.1.0', ...SPANS, 'grpc'])).toEqual(
      [],
    )
    expect(body.includes('WORKER_DIED: Worker died.')).toBe(true)
  })

  test('a collector that is not there costs a warning, and stopping ends in time', async () => {
    const gone = await listenHttp()
    await gone.close()
    const lines: string[] = []
    const warned = createLogger({
      format: 'json',
      level: 'warn',
      stream: { write: line => lines.push(line) },
    })
    const tracing = await start({ jaegerEndpoint: gone.origin, logger: warned })
    predict(tracing)
    await tracing.stop()
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('ECONNREFUSED')
  })
})

test("the span hangs below the client's", async () => {
  const udp = await agent()
  const tracing = await start({ jaegerAgent: { host: '127.0.0.1', port: udp.port } })
  predict(tracing, { traceparent: `00-${TRACE}-b7ad6b7169203331-01` })
  await tracing.stop()
  await udp.until(all => all.length > 0)
  expect(Buffer.concat(udp.packets).includes(Buffer.from('b7ad6b7169203331', 'hex'))).toBe(true)
})

describe('which requests are traced', () => {
  const offline = { jaegerAgent: { host: '127.0.0.1', port: 9 } }

  test('the share of the ratio, where the client has not decided it', async () => {
    const draws = [0.05, 0.3, 0.19, 0.2, 0.99]
    const tracing = await start({ ...offline, sampleRatio: () => 0.2, random: () => draws.shift() ?? 1 })
    const traced = Array.from({ length: 5 }, () => tracing.startPrediction({}, facts) !== undefined)
    expect(traced).toEqual([true, false, true, false, false])
  })

  test('none with ratio 0, and all with ratio 1', async () => {
    const none = await start({ ...offline, sampleRatio: () => 0, random: () => 0 })
    expect(none.startPrediction({}, facts)).toBeUndefined()
    await none.stop()
    const all = await start({ ...offline, sampleRatio: () => 1, random: () => 0.999_999 })
    expect(all.startPrediction({}, facts)).toBeDefined()
  })

  test.each([
    ['traceparent', `00-${TRACE}-b7ad6b7169203331-01`, `00-${TRACE}-b7ad6b7169203331-00`],
    ['uber-trace-id', `${TRACE}:b7ad6b7169203331:0:1`, `${TRACE}:b7ad6b7169203331:0:0`],
  ])('a client decides with %s, and its trace goes on', async (header, sampled, unsampled) => {
    const tracing = await start({ ...offline, sampleRatio: () => 0 })
    expect(predict(tracing, { [header]: sampled })?.traceId).toBe(TRACE)
    await tracing.stop()
    const eager = await start({ ...offline, sampleRatio: () => 1 })
    expect(predict(eager, { [header]: unsampled })).toBeUndefined()
  })

  test('of both headers W3C counts', async () => {
    const tracing = await start({ ...offline, sampleRatio: () => 0 })
    const headers = {
      traceparent: `00-${TRACE}-b7ad6b7169203331-01`,
      'uber-trace-id': `${'1'.repeat(32)}:b7ad6b7169203331:0:1`,
    }
    expect(predict(tracing, headers)?.traceId).toBe(TRACE)
  })

  test.each(['', 'garbage', '00-0-0-01', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, 'ff-'.repeat(1000)])(
    'a header that is no trace (%.20s) counts as none',
    async header => {
      const tracing = await start({ ...offline, sampleRatio: () => 1 })
      const span = predict(tracing, { traceparent: header, 'uber-trace-id': `${header}:::` })
      expect(span?.traceId).toMatch(/^[0-9a-f]{32}$/)
    },
  )
})

test('without an exporter nothing is traced and nothing of OpenTelemetry is loaded', () => {
  const script = `
    import { createRequire } from 'node:module'
    import { startTracing } from './src/telemetry/tracing.ts'
    const tracing = await startTracing({ exporter: 'none', sampleRatio: () => 1 })
    const span = tracing.startPrediction({}, { model: 'digits', version: '1.0', requestId: '1' })
    const loaded = Object.keys(createRequire(import.meta.url).cache).filter(file => file.includes('opentelemetry'))
    console.log(JSON.stringify({ span: span ?? null, loaded }))`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect(JSON.parse(stdout)).toEqual({ span: null, loaded: [] })
})

test.each([
  [{ jaegerEndpoint: 'jaeger:14268' }, 'jaeger_endpoint: expected an http or https URL, got "jaeger:14268"'],
  [{ exporter: 'otlp', otlpEndpoint: 'nowhere' }, 'otlp_endpoint: expected an http or https URL'],
] as const)('an address that is none is refused: %o', async (options, message) => {
  await expect(start(options)).rejects.toThrow(message)
})
