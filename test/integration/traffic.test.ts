import { afterAll, beforeAll, expect, test } from 'vitest'
import { digitPng, probabilitiesOf, recordedDigits } from '../support/http.ts'
import { fraudOnnx, makeStore, type ModelStore } from '../support/model-store.ts'
import { readRows } from '../support/fraud-rows.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

let store: ModelStore
let server: TestServer

beforeAll(async () => {
  store = await makeStore()
  await store.addDigits('minWorkers: 2\nmaxWorkers: 2\nbatchSize: 4\n')
  await store.addOnnx('fraud', fraudOnnx)
  server = await startTestServer(store, ['--job-queue-size=1000'])
})
afterAll(async () => {
  await server.stop()
  await store.remove()
})

async function samples(name: string): Promise<Map<string, number>> {
  const page = await (await fetch(`${server.metrics}/metrics`)).text()
  const lines = [...page.matchAll(new RegExp(`^${name}(\\{.*\\}|) ([\\d.e+]+)$`, 'gm'))]
  return new Map(
    lines.map(([, labels = '', value]) => [labels.replace(/hostname="[^"]*",/i, ''), Number(value)]),
  )
}

const post = (path: string, body: string | Uint8Array<ArrayBuffer>, type = 'application/octet-stream') =>
  fetch(server.inference + path, { method: 'POST', body, headers: { 'content-type': type } })

test('among a thousand requests to two models at once everybody gets the own answer, and each is counted', async () => {
  const digits = recordedDigits().map(record => ({ ...record, png: new Uint8Array(digitPng(record.file)) }))
  const rows = readRows()
  const askDigit = async (index: number) => {
    const digit = digits[index % digits.length]
    if (digit === undefined) throw new Error('The fixtures hold no digits')
    const answer = probabilitiesOf(await (await post('/predictions/digits', digit.png)).json())
    return Math.max(...answer.map((value, at) => Math.abs(value - (digit.probabilities[at] ?? 9))))
  }
  const askRow = async (index: number) => {
    const row = rows[index % rows.length]
    if (row === undefined) throw new Error('The fixtures hold no rows')
    // Every request has an amount of its own: two answers alike would not tell a mix-up.
    const path = index % 2 === 0 ? '/predictions/fraud' : '/predictions/fraud/1.0'
    const response = await post(path, JSON.stringify([row.features]), 'application/json')
    return Math.abs(Number([await response.json()].flat(9)[0]) - row.expected)
  }
  const IN_FLIGHT = 40
  const errors: number[] = []
  let next = 0
  const client = async () => {
    for (let index = next++; index < 1000; index = next++) {
      const half = Math.floor(index / 2)
      errors.push(await (index % 2 === 0 ? askDigit(half) : askRow(half)))
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, client))
  expect(errors).toHaveLength(1000)
  expect(Math.max(...errors)).toBeLessThan(1e-4)

  const requests = await samples('ts_inference_requests_total')
  const version = (await server.describe('fraud')) as unknown as { modelVersion: string }
  expect(Object.fromEntries(requests)).toEqual({
    '{model_name="digits",model_version="default",}': 500,
    '{model_name="fraud",model_version="default",}': 250,
    [`{model_name="fraud",model_version="${version.modelVersion}",}`]: 250,
  })
  const durations = await samples('sconce_inference_duration_seconds_count')
  expect([...durations.values()]).toEqual([500, 500])
  const batched = [...(await samples('sconce_batch_size_sum')).values()]
  expect(batched).toEqual([500, 500])
})

test('failures are counted by their code, answers by their class, and unknown models make no series', async () => {
  const before = { ok: await samples('Requests2XX'), refused: await samples('Requests4XX') }
  for (let i = 0; i < 3; i++) {
    expect((await post('/predictions/digits', Uint8Array.of(i))).status).toBe(400)
    expect((await post(`/predictions/unknown${i}`, 'x')).status).toBe(404)
    expect((await post(`/predictions/digits/9.${i}`, 'x')).status).toBe(404)
    expect((await fetch(`${server.inference}/ping`)).status).toBe(200)
  }
  const failures = await samples('sconce_inference_failures_total')
  expect(Object.fromEntries(failures)).toEqual({
    '{model_name="digits",model_version="1.0",code="BAD_REQUEST",}': 3,
  })
  const durations = await samples('sconce_inference_duration_seconds_count')
  expect([...durations.values()]).toEqual([500, 500])
  const refused = await samples('Requests4XX')
  expect([...refused.values()][0]).toBe(([...before.refused.values()][0] ?? 0) + 9)
  const page = await (await fetch(`${server.metrics}/metrics`)).text()
  expect(page).not.toMatch(/unknown|9\.\d"/)
})

test('the page can be narrowed to some names', async () => {
  const url = `${server.metrics}/metrics?name[]=Requests2XX&name[]=QueueTime`
  const response = await fetch(url)
  const names = [...(await response.text()).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)
  expect(names).toEqual(['Requests2XX', 'QueueTime'])
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; *version=0\.0\.4; *charset=utf-8$/)
})
