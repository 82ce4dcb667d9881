import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonOf } from '../support/http.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { isAlive } from '../support/processes.ts'
import { freshTmpdir, leftovers, logged, startTestServer, type TestServer } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

let store: ModelStore
let tmp: Awaited<ReturnType<typeof freshTmpdir>>
let server: TestServer
let stopped = false

/** Does what the request's text says; a request "a" is answered with "a". */
const HOSTILE = `
  import { writeSync } from 'node:fs'
  import { InvalidInput, PredictionError, respond } from 'sconce/handler'

  const cyclic = {}
  cyclic.self = cyclic
  const outputs = {
    'a function': () => () => {},
    'a cycle': () => cyclic,
    'a promise in it': () => ({ forgotten: Promise.resolve(1) }),
    nothing: () => undefined,
    NaN: () => [NaN, Infinity],
    teapot: () => { throw new PredictionError('I am a teapot', 418) },
    'no status': () => { throw new PredictionError('Gone wrong') },
    'a wrong status': () => { throw new PredictionError('Gone wrong', 9000) },
    'out of memory': () => { throw new RangeError('Array buffer allocation failed') },
    'a text as error': () => { throw 'just text' },
    'null as error': () => { throw null },
    response: () => respond('<p>hi</p>', { status: 201, contentType: 'text/html', headers: { 'x-own': 'yes' } }),
    'its own framing': () => respond('abc', { headers: { 'Content-Length': '1', 'transfer-encoding': 'chunked' } }),
    'a status like 101': () => respond('x', { status: 101 }),
    'a status like 1000': () => respond('x', { status: 1000 }),
    'a header that splits': () => respond('x', { headers: { 'x-own': 'a\\r\\nx-evil: 1' } }),
    'a header without a name': () => respond('x', { headers: { 'x own': 'a' } }),
    'a type that splits': () => respond('x', { contentType: 'text/html\\r\\nx-evil: 1' }),
    'too much': () => 'x'.repeat(2_000_000),
  }
  const forever = () => { for (;;); }
  const gone = new Promise(() => setInterval(() => {}, 1000))

  export default {
    preprocess({ data }) {
      if (data === 'bad') throw new InvalidInput('Expected a letter, got "bad"')
      if (data === 'throw early') throw new Error('a secret of /srv/models/hostile')
      return { text: data }
    },
    async inference(batch) {
      for (const { text } of batch) {
        if (text === 'throw') throw new Error('a secret of /srv/models/hostile')
        if (text === 'too few') return []
        if (text === 'too many') return [...batch, ...batch]
        if (text === 'no list') return { length: batch.length }
        if (text === 'null') return null
        if (text === 'loop') forever()
        if (text === 'hang') await gone
        if (text === 'exit') process.exit(0)
        if (text === 'kill') process.kill(process.pid, 'SIGKILL')
        if (text === 'fill the heap') for (const all = []; ; ) all.push(new Array(1e5).fill(1))
        if (text === 'fill buffers') for (const all = []; ; ) all.push(Buffer.alloc(4e6, 1))
        if (text === 'garbage') { writeSync(3, 'garbage '.repeat(100)); await gone }
        if (text === 'reject later') { setTimeout(() => Promise.reject(new Error('later'))); await gone }
        if (text === 'print') for (let i = 0; i < 100_000; i++) console.log('line', i)
      }
      return batch
    },
    postprocess: ({ text }) => (Object.hasOwn(outputs, text) ? outputs[text]() : text),
  }`

const CONFIG = 'minWorkers: 1\nmaxWorkers: 1\nresponseTimeout: 2\n'

beforeAll(async () => {
  tmp = await freshTmpdir()
  store = await makeStore()
  await store.addHandler('hostile', { handler: HOSTILE, config: CONFIG })
  await store.addHandler('batches', {
    handler: HOSTILE,
    config: 'minWorkers: 1\nmaxWorkers: 1\nbatchSize: 8\nmaxBatchDelay: 300\n',
  })
  await store.addHandler('loads-not', {
    handler: 'export default { load() { throw new Error("no vocabulary in /srv/models") } }',
    config: 'minWorkers: 1\nmaxRetryTimeoutInSec: 0\n',
  })
  await store.addHandler('loads-for-ever', {
    handler: 'export default { load() { for (;;); } }',
    config: 'minWorkers: 1\nmaxRetryTimeoutInSec: 0\nstartupTimeout: 1\n',
  })
  await store.addHandler('exits', {
    handler: 'process.exit(5)',
    config: 'minWorkers: 1\nmaxRetryTimeoutInSec: 0\n',
  })
  server = await startTestServer(store, ['--worker-memory-limit-mb=300', '--max-response-size=1000000'])
})
afterAll(async () => {
  if (!stopped) await server.stop()
  await store.remove()
  await tmp.remove()
})

const ask = (model: string, body: string) =>
  fetch(`${server.inference}/predictions/${model}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'text/plain' },
  })

const error = (code: number, message: string, type = 'InternalServerException') => ({
  status: code,
  body: expect.objectContaining({ code, type, message }) as unknown,
})

describe('a handler that misbehaves within its process', () => {
  test.each([
    ['throw', error(503, 'Prediction failed')],
    ['throw early', error(503, 'Prediction failed')],
    ['too few', error(503, 'number of batch response mismatched')],
    ['too many', error(503, 'number of batch response mismatched')],
    ['no list', error(503, 'Invalid model predict output')],
    ['null', error(503, 'Invalid model predict output')],
    ['a function', error(503, 'Unsupported model output data type.')],
    ['a cycle', error(503, 'Unsupported model output data type.')],
    ['a promise in it', error(503, 'Unsupported model output data type.')],
    ['nothing', error(503, 'Unsupported model output data type.')],
    ['teapot', error(418, 'I am a teapot')],
    ['no status', error(500, 'Gone wrong')],
    ['a wrong status', error(500, 'Gone wrong')],
    ['out of memory', error(507, 'Out of resources')],
    ['a text as error', error(503, 'Prediction failed')],
    ['null as error', error(503, 'Prediction failed')],
    ['bad', error(400, 'Expected a letter, got "bad"', 'BadRequestException')],
    ['a status like 101', error(503, 'Prediction failed')],
    ['a status like 1000', error(503, 'Prediction failed')],
    ['a header that splits', error(503, 'Prediction failed')],
    ['a header without a name', error(503, 'Prediction failed')],
    ['a type that splits', error(503, 'Prediction failed')],
    ['too much', error(500, 'The answer has 2000000 bytes, max_response_size is 1000000.')],
  ])('%s: is told to its client, and goes on', async (text, expected) => {
    const before = (await server.describe('hostile')).workers[0]?.pid
    const response = await ask('hostile', text)
    expect(response.headers.has('x-evil')).toBe(false)
    expect(await jsonOf(response)).toEqual(expected)
    expect(await (await ask('hostile', 'a')).text()).toBe('a')
    expect((await server.describe('hostile')).workers[0]?.pid).toBe(before)
  })

  test('its client gets no paths and no stack, its log gets both', async () => {
    const text = await (await ask('hostile', 'throw')).text()
    expect(text).not.toMatch(/secret|srv|handler\.ts|\bat\b/)
    const line = await logged(server, 'the failure', ({ cause }) => String(cause).includes('a secret of'))
    expect(String(line['cause'])).toMatch(/^Error: a secret of \/srv\/models\/hostile\n {4}at .*handler\.ts/)
    expect(line).toMatchObject({ model: 'hostile', version: '1.0', code: 'PREDICTION_FAILED' })
  })

  test('NaN and Infinity go out as TorchServe prints them', async () => {
    expect(await (await ask('hostile', 'NaN')).text()).toBe('[\n  NaN,\n  Infinity\n]')
  })

  test('it may choose status, headers and content type, and has none of its own otherwise', async () => {
    const response = await ask('hostile', 'response')
    expect([response.status, await response.text()]).toEqual([201, '<p>hi</p>'])
    expect(response.headers.get('content-type')).toBe('text/html')
    expect(response.headers.get('x-own')).toBe('yes')
    expect((await ask('hostile', 'a')).headers.has('content-type')).toBe(false)
  })

  test('the framing of the answer is not its own', async () => {
    const response = await ask('hostile', 'its own framing')
    expect(response.headers.get('content-length')).toBe('3')
    expect(response.headers.has('transfer-encoding')).toBe(false)
    expect(await response.text()).toBe('abc')
  })

  test('a flood of lines is cut in the log and does no harm', async () => {
    expect(await (await ask('hostile', 'print')).text()).toBe('print')
    await logged(server, 'the first lines', ({ msg }) => msg === 'line 0')
    expect(server.log.filter(({ msg }) => msg.startsWith('line ')).length).toBeLessThan(5000)
  })
})

describe('a handler that takes its process with it', () => {
  test.each([
    ['exit', 500, 'The worker exited with code 0.'],
    ['kill', 500, 'The worker was ended by SIGKILL.'],
    ['loop', 500, 'The worker did not answer within 2 s.'],
    ['hang', 500, 'The worker did not answer within 2 s.'],
    ['garbage', 500, /^The worker sent what is not a message/],
    ['reject later', 500, 'The worker exited with code 1.'],
    [
      'fill the heap',
      507,
      /^The worker held \d+ MB of memory; its limit \(worker_memory_limit_mb\) is 300 MB\.$/,
    ],
    [
      'fill buffers',
      507,
      /^The worker held \d+ MB of memory; its limit \(worker_memory_limit_mb\) is 300 MB\.$/,
    ],
  ])('%s: its client is told, a new worker answers the next', async (text, status, reason) => {
    const before = (await server.describe('hostile')).workers[0]?.pid ?? 0
    const answer = await jsonOf(await ask('hostile', text))
    expect(answer).toMatchObject({
      status,
      body: { code: status, type: 'InternalServerException', message: 'Worker died.' },
    })
    expect(answer.body).toMatchObject({
      reason: typeof reason === 'string' ? reason : (expect.stringMatching(reason) as unknown),
    })
    expect(await (await ask('hostile', 'a')).text()).toBe('a')
    expect((await server.describe('hostile')).workers[0]?.pid).not.toBe(before)
    expect(isAlive(before)).toBe(false)
  })
})

describe('among requests of one batch', () => {
  test('bad input fails alone, and everybody gets the own answer', async () => {
    const texts = ['a', 'bad', 'b', 'teapot', 'c', 'a function', 'd']
    const answers = await Promise.all(
      texts.map(async text => {
        const response = await ask('batches', text)
        return `${response.status} ${response.status === 200 ? await response.text() : ''}`
      }),
    )
    expect(answers).toEqual(['200 a', '400 ', '200 b', '418 ', '200 c', '503 ', '200 d'])
    const page = await (await fetch(`${server.metrics}/metrics`)).text()
    expect(page).toMatch(/sconce_batch_size_count\{model_name="batches",model_version="1\.0",\} 1\.0\n/)
  })

  test('an inference that throws fails all that were left', async () => {
    const statuses = await Promise.all(
      ['a', 'bad', 'throw', 'b'].map(async text => (await ask('batches', text)).status),
    )
    expect(statuses).toEqual([503, 400, 503, 503])
  })
})

describe('a handler that does not load', () => {
  test.each([
    ['loads-not', /no vocabulary/],
    ['loads-for-ever', /did not load its model within 1 s/],
    ['exits', /exited with code 5/],
  ])('%s is shown with the reason, and its requests are refused', async (model, reason) => {
    const shown = await waitFor('its state', async () => {
      const description = await server.describe(model)
      return description.state === 'failed' && description
    })
    expect(shown.reason).toMatch(reason)
    expect(shown.workers).toMatchObject([
      { state: 'failed', status: 'UNLOADING', pid: expect.any(Number) as unknown },
    ])
    expect(await jsonOf(await ask(model, 'a'))).toMatchObject({
      status: 503,
      body: {
        type: 'ServiceUnavailableException',
        message: expect.stringMatching(
          new RegExp(
            `^Model "${model}" has no worker to serve inference request\\. Please use scale workers API`,
          ),
        ) as unknown,
      },
    })
  })

  test('makes /ping unhealthy', async () => {
    const response = await fetch(`${server.inference}/ping`)
    expect(await jsonOf(response)).toEqual({ status: 500, body: { status: 'Unhealthy' } })
  })
})

test('when the server has stopped, nothing of all that is left', async () => {
  expect((await leftovers()).filter(name => name.startsWith('worker'))).toHaveLength(2)
  await server.stop()
  stopped = true
  expect(await leftovers()).toEqual([])
})
