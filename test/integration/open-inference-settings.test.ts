/** The trace and logging extensions over REST, in a server that traces to a collector of its own. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listenHttp } from '../support/http-listener.ts'
import { send, startOpenInference, type OpenInferenceServer } from '../support/open-inference.ts'
import { waitFor } from '../support/wait-for.ts'

let server: OpenInferenceServer
let collector: Awaited<ReturnType<typeof listenHttp>>
beforeAll(async () => {
  collector = await listenHttp()
  server = await startOpenInference(['--tracing=otlp', `--otlp-endpoint=${collector.origin}`])
})
afterAll(async () => {
  await server.stop()
  await server.store.remove()
  await collector.close()
})

const change = (path: string, settings: unknown) =>
  send(`${server.management}/v2${path}`, JSON.stringify(settings))
const read = async (path: string) => (await fetch(`${server.management}/v2${path}`)).json()
const predict = () =>
  send(
    `${server.inference}/v2/models/scalar/infer`,
    JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [], data: [1] }] }),
  )

describe('logging', () => {
  const AS_STARTED = {
    log_file: '',
    log_info: true,
    log_warning: true,
    log_error: true,
    log_verbose_level: 0,
    log_format: 'default',
  }

  test('levels are read and set one by one, and hold at once for every part', async () => {
    expect(await read('/logging')).toEqual(AS_STARTED)
    const { json } = await change('/logging', { log_info: false, log_verbose_level: 1 })
    expect(json).toEqual({ ...AS_STARTED, log_info: false, log_verbose_level: 1 })
    const before = server.log.length
    await send(`${server.inference}/v2/models/rows/infer`, JSON.stringify({ inputs: [{}] }))
    await send(
      `${server.inference}/v2/models/rows/infer`,
      JSON.stringify({ inputs: [{ name: 'x', datatype: 'INT8', shape: [1, 2], data: [1, 2] }] }),
    )
    const levels = new Set(server.log.slice(before).map(({ level }) => level))
    expect([...levels]).toEqual([20])
    expect((await change('/logging', AS_STARTED)).json).toEqual(AS_STARTED)
    expect((await change('/logging', {})).json).toEqual(AS_STARTED)
  })

  test('the plural that some clients send is understood', async () => {
    expect((await change('/logging', { log_warnings: false, log_errors: true })).json).toMatchObject({
      log_warning: false,
    })
    await change('/logging', { log_warnings: true })
  })

  test.each([
    ['a file', { log_file: '/tmp/x' }, /'log_file'.*configuration/],
    ['another form', { log_format: 'ISO8601' }, /'log_format'.*configuration/],
    ['a setting that is none', { log_colour: 'red' }, /'log_colour'.*expected one of log_file/],
    ['text for a level', { log_info: 'yes' }, /'log_info': expected true or false, got "yes"/],
    ['a negative level', { log_verbose_level: -1 }, /'log_verbose_level': expected a whole number/],
    ['a name of every object', { constructor: true }, /'constructor'/],
  ])('%s is refused, and what stands beside it is not changed', async (_what, settings, text) => {
    const { status, json } = await change('/logging', { log_error: false, ...settings })
    expect(status).toBe(400)
    expect(json.error).toMatch(text)
    expect(await read('/logging')).toEqual(AS_STARTED)
  })

  test('a body that is no object is refused, and so are other methods', async () => {
    expect((await send(`${server.management}/v2/logging`, '[1]')).status).toBe(400)
    const put = await fetch(`${server.management}/v2/logging`, { method: 'PUT', body: '{}' })
    expect(put.status).toBe(405)
    // It is for those who manage the server.
    expect((await fetch(`${server.inference}/v2/logging`)).status).toBe(404)
  })
})

describe('trace settings', () => {
  const AS_STARTED = {
    trace_file: '',
    trace_level: ['TIMESTAMPS'],
    trace_rate: '1',
    trace_count: '-1',
    log_frequency: '0',
  }

  test('are read and set, for all models or one; null gives a setting back', async () => {
    expect(await read('/trace/setting')).toEqual(AS_STARTED)
    expect((await change('/trace/setting', { trace_rate: '1000' })).json).toMatchObject({
      trace_rate: '1000',
    })
    expect(await read('/models/rows/trace/setting')).toMatchObject({ trace_rate: '1000' })
    expect(
      (await change('/models/rows/trace/setting', { trace_rate: 5, trace_level: ['OFF'] })).json,
    ).toMatchObject({ trace_rate: '5', trace_level: ['OFF'] })
    expect(await read('/models/wide/trace/setting')).toMatchObject({
      trace_rate: '1000',
      trace_level: ['TIMESTAMPS'],
    })
    await change('/models/rows/trace/setting', { trace_rate: null, trace_level: null })
    expect(await read('/models/rows/trace/setting')).toMatchObject({ trace_rate: '1000' })
    expect((await change('/trace/setting', { trace_rate: null })).json).toEqual(AS_STARTED)
  })

  test('hold from the next request on', async () => {
    await change('/models/scalar/trace/setting', { trace_level: ['OFF'] })
    expect((await predict()).status).toBe(200)
    await change('/models/scalar/trace/setting', { trace_level: null })
    expect((await predict()).status).toBe(200)
    const sent = () => Buffer.concat(collector.posts.map(({ body }) => body)).toString('latin1')
    await waitFor('a trace', () => sent().includes('infer scalar') || undefined)
    expect(sent().split('infer scalar')).toHaveLength(2)
  })

  test.each([
    ['tensors', { trace_level: ['TIMESTAMPS', 'TENSORS'] }, /'trace_level': expected OFF or TIMESTAMPS/],
    ['a rate that is none', { trace_rate: 'often' }, /'trace_rate': expected a whole number/],
    ['a file', { trace_file: '/tmp/x' }, /'trace_file'.*configuration/],
    ['a count', { trace_count: '5' }, /'trace_count'.*configuration/],
    ['a setting that is none', { trace_colour: 'red' }, /'trace_colour'.*expected one of trace_file/],
  ])('%s are refused, and what stands beside it is not changed', async (_what, settings, text) => {
    const { status, json } = await change('/trace/setting', { trace_rate: '7', ...settings })
    expect(status).toBe(400)
    expect(json.error).toMatch(text)
    expect(await read('/trace/setting')).toEqual(AS_STARTED)
  })

  test('of a model that is not there are told as such', async () => {
    const { status, json } = await change('/models/nobody/trace/setting', {})
    expect([status, json.error]).toEqual([404, "Request for unknown model: 'nobody' is not found"])
  })
})

test('nothing can be traced where the server has nowhere to send traces', async () => {
  const untraced = await startOpenInference(['--models', 'rows.onnx'])
  const url = `${untraced.management}/v2/trace/setting`
  const { status, json } = await send(url, '{"trace_level":["TIMESTAMPS"]}')
  expect([status, json.error]).toEqual([400, expect.stringContaining('tracing=otlp')])
  expect(await (await fetch(url)).json()).toMatchObject({ trace_level: ['OFF'] })
  await untraced.stop()
  await untraced.store.remove()
})
