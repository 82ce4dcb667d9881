import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BUSY } from '../support/handlers.ts'
import { jsonOf, requestText, sendRaw } from '../support/http.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { logged, startTestServer, type TestServer } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

let store: ModelStore
let server: TestServer

beforeAll(async () => {
  store = await makeStore()
  await store.addHandler('busy', { handler: BUSY, config: 'minWorkers: 1\njobQueueSize: 2\n' })
  await store.addHandler('long', { handler: BUSY, config: 'minWorkers: 1\n' })
  server = await startTestServer(store)
})
afterAll(async () => {
  await server.stop()
  await store.remove()
})

const ask = (model: string, body: string, busyMs = 0) =>
  fetch(`${server.inference}/predictions/${model}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'text/plain', 'x-busy-ms': String(busyMs) },
  })

const pending = async (model: string) => (await server.describe(model)).jobQueueStatus.pendingRequests
const waitForPending = (model: string, count: number) =>
  waitFor(`${count} requests that wait`, async () => (await pending(model)) === count)

const inFlight = async (model: string) => {
  const page = await (await fetch(`${server.metrics}/metrics`)).text()
  const line = new RegExp(`^ts_inference_requests_total\\{model_name="${model}",.* (\\d+)\\.0$`, 'm').exec(
    page,
  )
  return Number(line?.[1] ?? 0)
}

/** A request that keeps the only worker busy, once the worker has taken it. */
async function occupy(model: string, busyMs: number): Promise<Promise<Response>[]> {
  const before = await inFlight(model)
  const answer = ask(model, 'first', busyMs)
  await waitFor('the request', async () => (await inFlight(model)) > before && (await pending(model)) === 0)
  return [answer]
}

describe('a queue that is full', () => {
  test('refuses at once with Retry-After; those that wait are answered', async () => {
    const answers = await occupy('busy', 1500)
    answers.push(ask('busy', 'second'))
    await waitForPending('busy', 1)
    answers.push(ask('busy', 'third'))
    await waitForPending('busy', 2)
    const description = await server.describe('busy')
    expect(description.jobQueueStatus).toEqual({ remainingCapacity: 0, pendingRequests: 2 })

    const startedAt = performance.now()
    const refused = await ask('busy', 'fourth')
    expect(performance.now() - startedAt).toBeLessThan(1000)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(await jsonOf(refused)).toMatchObject({
      status: 503,
      body: {
        code: 503,
        type: 'ServiceUnavailableException',
        message:
          'Model "busy" has no worker to serve inference request. Please use scale workers API to add workers. ' +
          'If this is a sequence inference, please check if it is closed, or expired; or exceeds ' +
          'maxSequenceJobQueueSize',
        reason: '2 requests wait and jobQueueSize is 2.',
      },
    })
    const named = await fetch(`${server.inference}/predictions/busy/1.0`, { method: 'POST' })
    expect(await jsonOf(named)).toMatchObject({
      status: 503,
      body: {
        message: expect.stringMatching(/^Model "busy" Version 1\.0" has no worker to serve/) as unknown,
      },
    })
    const texts = (await Promise.all(answers)).map(answer => answer.text())
    expect(await Promise.all(texts)).toEqual(['first', 'second', 'third'])
  })
})

describe('a large body for a queue that is full', () => {
  test.each([
    ['/predictions/busy', '"code": 503'],
    ['/v2/models/busy/infer', '"error":'],
  ])(
    'is refused by %s before it has come, and the connection serves the next request',
    async (path, text) => {
      const counted = async () => {
        const page = await (await fetch(`${server.metrics}/metrics`)).text()
        const row = /^sconce_inference_failures_total\{model_name="busy".*code="QUEUE_FULL",\} (\d+)/m
        return Number(row.exec(page)?.[1] ?? 0)
      }
      const before = await counted()
      const answers = await occupy('busy', 1500)
      answers.push(ask('busy', 'second'), ask('busy', 'third'))
      await waitForPending('busy', 2)

      const { hostname, port } = new URL(server.inference)
      const socket = connect(Number(port), hostname).setEncoding('utf8')
      let said = ''
      socket.on('data', (chunk: string) => (said += chunk))
      socket.write(
        `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\nthe first bytes`,
      )
      await waitFor('the refusal', () => said.includes(text))
      expect(said).toMatch(/^HTTP\/1\.1 503 /)
      expect(said).toMatch(/^connection: keep-alive\r$/im)
      expect(said).toMatch(/^retry-after: \d+\r$/im)
      expect(await counted()).toBe(before + 1)

      said = ''
      socket.write('.'.repeat(100_000 - 'the first bytes'.length))
      socket.write('GET /ping HTTP/1.1\r\nhost: localhost\r\n\r\n')
      await waitFor('the next answer', () => said.includes('Healthy'))
      socket.destroy()
      const texts = (await Promise.all(answers)).map(answer => answer.text())
      expect(await Promise.all(texts)).toEqual(['first', 'second', 'third'])
    },
  )

  test('is taken once there is room, and a wrong deadline or model is told as ever', async () => {
    const body = 'x'.repeat(100_000)
    expect(await (await ask('busy', body)).text()).toBe(body)
    const wrong = await fetch(`${server.inference}/predictions/busy`, {
      method: 'POST',
      body,
      headers: { 'x-request-timeout-ms': 'soon' },
    })
    expect(wrong.status).toBe(400)
    expect((await ask('nobody', body)).status).toBe(404)
  })
})

describe('a client that leaves', () => {
  test('is dropped from the queue, and nobody computes for it', async () => {
    const answers = await occupy('busy', 800)
    const { hostname, port } = new URL(server.inference)
    const leaving = request({ hostname, port, path: '/predictions/busy', method: 'POST' })
    leaving.on('error', () => {})
    leaving.setHeader('x-busy-ms', '60000')
    leaving.end('I will not wait')
    await waitForPending('busy', 1)
    leaving.destroy()
    // The model would be busy for a minute if the request were still there.
    answers.push(ask('busy', 'second'))
    const texts = (await Promise.all(answers)).map(answer => answer.text())
    expect(await Promise.all(texts)).toEqual(['first', 'second'])
    const page = await (await fetch(`${server.metrics}/metrics`)).text()
    expect(page).toMatch(/^sconce_inference_failures_total\{model_name="busy".*code="CLIENT_GONE",\} 1\.0$/m)
  })

  test('makes room in a full queue', async () => {
    const answers = await occupy('busy', 1000)
    const { hostname, port } = new URL(server.inference)
    const leaving = [1, 2].map(() => {
      const left = request({ hostname, port, path: '/predictions/busy', method: 'POST' })
      left.on('error', () => {})
      left.end('I will not wait')
      return left
    })
    await waitForPending('busy', 2)
    for (const left of leaving) left.destroy()
    await waitFor('room', async () => {
      const answer = await ask('busy', 'second')
      return answer.status === 200 && (await answer.text()) === 'second'
    })
    expect((await answers[0])?.status).toBe(200)
  })

  test.each(['/predictions/busy', '/v2/models/busy/infer'])(
    'in the middle of its body to %s is no bug: the access log has its 499',
    async path => {
      const { hostname, port } = new URL(server.inference)
      const client = connect(Number(port), hostname)
      client.write(requestText(server.inference, `POST ${path}?half`, ['Content-Length: 200000'], 'half'))
      await once(client, 'ready')
      // Its request is there when the answer to a later one is.
      await ask('long', 'later')
      client.destroy()
      const { status } = await logged(server, 'the client', ({ url }) => url === `${path}?half`)
      expect(status).toBe(499)
      expect(server.log.filter(({ level }) => Number(level) >= 50)).toEqual([])
    },
  )

  test('half closes and waits: no harm, whether or not it is answered', async () => {
    const headers = ['Content-Length: 2', 'x-busy-ms: 300']
    const text = requestText(server.inference, 'POST /predictions/busy', headers, 'hi')
    await sendRaw(server.inference, text, { half: true })
    expect(await (await ask('busy', 'next')).text()).toBe('next')
  })
})

test('/ping answers within 50 ms while a model is busy for seconds', async () => {
  const [answer] = await occupy('long', 2000)
  let answered = false
  void answer?.then(() => (answered = true))
  const times: number[] = []
  await waitFor('the answer', async () => {
    const startedAt = performance.now()
    expect((await fetch(`${server.inference}/ping`)).status).toBe(200)
    times.push(performance.now() - startedAt)
    return answered
  })
  // The median: this test's own process shares the cores with whatever else runs here.
  expect(times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]).toBeLessThan(50)
  expect(times.length).toBeGreaterThan(20)
})

test('a server that stops answers what is in flight, and waits for no connection that is only kept', async () => {
  const other = await startTestServer(store)
  const startedAt = performance.now()
  const answers = ['a', 'b', 'c'].map(text =>
    fetch(`${other.inference}/predictions/long`, {
      method: 'POST',
      body: text,
      headers: { 'content-type': 'text/plain', 'x-busy-ms': '300', connection: 'keep-alive' },
    }),
  )
  await waitFor('the requests', async () => {
    const { jobQueueStatus } = await other.describe('long')
    return jobQueueStatus.pendingRequests === 2
  })
  const silent = connect(Number(new URL(other.inference).port), '127.0.0.1')
  await once(silent, 'connect')
  const stopped = other.stop()
  const texts = await Promise.all(answers.map(async answer => (await answer).text()))
  expect(texts).toEqual(['a', 'b', 'c'])
  await stopped
  expect(performance.now() - startedAt).toBeLessThan(10_000)
})
