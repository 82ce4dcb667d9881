import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonOf } from '../support/http.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { logged, startTestServer, type TestServer } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

let store: ModelStore
let server: TestServer

/** "wait" keeps the worker until the file "go" is there, "die" takes its process along; all else is answered. */
const OBEDIENT = `
  import { existsSync } from 'node:fs'
  export default {
    preprocess: ({ data }) => ({ text: data }),
    async inference(batch, { model }) {
      for (const { text } of batch) {
        if (text.startsWith('die')) process.abort()
        while (text === 'wait' && !existsSync(model.dir + '/go')) await new Promise(done => setTimeout(done, 5))
      }
      return batch
    },
    postprocess: ({ text }) => text,
  }`

/** Keeps ten megabytes of each request. */
const LEAKING = `
  const kept = []
  export default {
    preprocess: ({ data }) => ({ text: data }),
    inference: batch => (kept.push(Buffer.alloc(10e6, 1)), batch),
    postprocess: ({ text }) => text,
  }`

beforeAll(async () => {
  store = await makeStore()
  const one = 'minWorkers: 1\nmaxWorkers: 1\n'
  await store.addHandler('patient', { handler: OBEDIENT, config: one })
  await store.addHandler('ordered', { handler: OBEDIENT, config: one })
  await store.addHandler('small', { handler: OBEDIENT, config: `${one}jobQueueBytes: 100\n` })
  await store.addHandler('hasty', { handler: OBEDIENT, config: `${one}clientTimeoutInMills: 300\n` })
  await store.addHandler('batches', { handler: OBEDIENT, config: `${one}batchSize: 8\nmaxBatchDelay: 500\n` })
  await store.addHandler('once', { handler: OBEDIENT, config: `${one}retry: never\n` })
  await store.addHandler('fragile', { handler: OBEDIENT, config: one })
  await store.addHandler('leaking', { handler: LEAKING, config: one })
  server = await startTestServer(store, ['--worker-memory-limit-mb=300'])
})
afterAll(async () => {
  await server.stop()
  await store.remove()
})

const ask = (model: string, body: string, headers: Record<string, string> = {}) =>
  fetch(`${server.inference}/predictions/${model}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'text/plain', ...headers },
  })

const textOf = async (answer: Promise<Response>) => (await answer).text()
const release = (model: string) => store.addFile(`${model}-1.0/go`, '')

const pending = (model: string, count: number) =>
  waitFor(`${count} requests that wait`, async () => {
    const { jobQueueStatus } = await server.describe(model)
    return jobQueueStatus.pendingRequests === count
  })

const sample = async (name: string, labels: string) => {
  const page = await (await fetch(`${server.metrics}/metrics`)).text()
  const found = page.split('\n').find(line => line.startsWith(`${name}{`) && line.includes(labels))
  return Number(found?.split(' ').at(-1) ?? 0)
}

/** A request that keeps the only worker until `release`. */
async function occupy(model: string): Promise<{ first: Promise<Response> }> {
  const first = ask(model, 'wait')
  await waitFor('the request', async () => {
    const requests = await sample('ts_inference_requests_total', `model_name="${model}"`)
    return requests > 0
  })
  await pending(model, 0)
  return { first }
}

const LATE = {
  status: 504,
  body: { code: 504, type: 'RequestTimeoutException', message: 'Request timeout expired' },
}

describe('a deadline', () => {
  test('ends a request that waits and one that runs, and both are counted', async () => {
    const running = ask('patient', 'wait', { 'x-request-timeout-ms': '1500' })
    await waitFor('the request', async () => {
      return (await sample('ts_inference_requests_total', 'model_name="patient"')) === 1
    })
    await pending('patient', 0)
    const waiting = ask('patient', 'a', { 'x-request-timeout-ms': '200' })
    expect(await jsonOf(await waiting)).toMatchObject(LATE)
    expect(await jsonOf(await running)).toMatchObject(LATE)
    await release('patient')
    expect(await textOf(ask('patient', 'b', { 'x-request-timeout-ms': '60000' }))).toBe('b')
    expect(
      await sample(
        'sconce_requests_dropped_total',
        'model_name="patient",model_version="1.0",cause="deadline"',
      ),
    ).toBe(1)
    expect(
      await sample(
        'sconce_answers_discarded_total',
        'model_name="patient",model_version="1.0",cause="deadline"',
      ),
    ).toBe(1)
  })

  test('of the model counts where the client has none', async () => {
    expect(await jsonOf(await ask('hasty', 'wait'))).toMatchObject(LATE)
    await release('hasty')
    const described = (await server.describe('hasty')) as unknown as { clientTimeoutInMills: number }
    expect(described.clientTimeoutInMills).toBe(300)
  })

  test.each([
    ['x-request-timeout-ms', '-1', /^x-request-timeout-ms must be milliseconds above 0, not "-1"$/],
    ['x-request-priority', 'urgent', /^x-request-priority must be one of high, normal, low, not "urgent"$/],
  ])('%s: %s is refused', async (header, value, message) => {
    const answer = await jsonOf(await ask('once', 'a', { [header]: value }))
    expect(answer).toMatchObject({
      status: 400,
      body: { message: expect.stringMatching(message) as unknown },
    })
  })
})

test('what is of higher priority is served first', async () => {
  const { first } = await occupy('ordered')
  const order: string[] = []
  const answers: Promise<unknown>[] = []
  for (const priority of ['low', 'normal', 'high']) {
    const answer = textOf(ask('ordered', priority, { 'x-request-priority': priority }))
    answers.push(answer.then(text => order.push(text)))
    await pending('ordered', answers.length)
  }
  await release('ordered')
  await Promise.all([first, ...answers])
  expect(order).toEqual(['high', 'normal', 'low'])
})

test('requests that wait are bounded by their bytes', async () => {
  const { first } = await occupy('small')
  const waiting = ask('small', 'a'.repeat(90))
  await pending('small', 1)
  const refused = await ask('small', 'b'.repeat(20))
  expect(refused.headers.get('retry-after')).toMatch(/^\d+$/)
  expect(await jsonOf(refused)).toMatchObject({
    status: 503,
    body: {
      reason: 'The requests that wait and this one have more bytes than jobQueueBytes, which is 100.',
    },
  })
  await release('small')
  expect([await textOf(first), (await textOf(waiting)).length]).toEqual(['wait', 90])
})

describe('a request that kills its worker', () => {
  const DIED = { status: 500, body: { message: 'Worker died.', reason: 'The worker was ended by SIGABRT.' } }

  test('fails alone among those of its batch, and is in the log by its hash', async () => {
    const texts = ['a', 'b', 'die of this', 'c', 'd', 'e']
    const answers = await Promise.all(texts.map(text => ask('batches', text)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 500, 200, 200, 200])
    const line = await logged(server, 'the warning', ({ msg, model }) => {
      return msg === 'Worker died.' && model === 'batches'
    })
    const sha256 = createHash('sha256').update('die of this').digest('hex')
    expect(line).toMatchObject({ code: 'WORKER_DIED', input: { sha256, bytes: 11 } })
    expect(await sample('sconce_requests_retried_total', 'model_name="batches"')).toBeGreaterThan(6)
    expect(
      await sample('sconce_batches_total', 'model_name="batches",model_version="1.0",cut_by="retry"'),
    ).toBe(
      // The halves that are answered.
      await waitFor('a batch', () => sample('sconce_batch_size_count', 'model_name="batches"')),
    )
  })

  test('is not repeated where the handler must not run twice', async () => {
    expect(await jsonOf(await ask('once', 'die'))).toMatchObject(DIED)
    expect(await sample('sconce_requests_retried_total', 'model_name="once"')).toBe(0)
  })

  test('again and again closes the model to others, until one is answered', async () => {
    for (let death = 0; death < 5; death++) expect((await ask('fragile', 'die')).status).toBe(500)
    // One is let in after each pause, which has gone by on a machine that is slow.
    const refused = await waitFor('a refusal', async () => {
      const answer = await ask('fragile', 'die')
      return answer.status === 503 && answer
    })
    expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d?$/)
    const reason: unknown = expect.stringMatching(
      /^Its workers died under \d+ batches in a row; the last one was ended by SIGABRT\.$/,
    )
    expect(await jsonOf(refused)).toMatchObject({
      status: 503,
      body: {
        type: 'ServiceUnavailableException',
        message: 'Model "fragile" is not served for the moment: its workers keep dying.',
        reason,
      },
    })
    expect(await server.describe('fragile')).toMatchObject({ state: 'degraded', reason })
    expect(await sample('sconce_circuit_open', 'model_name="fragile"')).toBe(1)
    await waitFor('a request that is let in', async () => (await ask('fragile', 'a')).status === 200)
    expect(await textOf(ask('fragile', 'b'))).toBe('b')
    await logged(server, 'the end', ({ msg }) => msg === 'Requests are let in again: a worker answers')
  })
})

test('a handler that leaks loses no request, although its workers are ended for it', async () => {
  const { workers: before } = await server.describe('leaking')
  let asked = 0
  await waitFor('another worker', async () => {
    const text = `request ${asked++}`
    expect(await textOf(ask('leaking', text))).toBe(text)
    const { workers } = await server.describe('leaking')
    return workers[0]?.pid !== before[0]?.pid
  })
  expect(await textOf(ask('leaking', 'after'))).toBe('after')
})
