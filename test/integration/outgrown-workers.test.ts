/** A handler that keeps more with each call: its worker is replaced before it is killed. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { logged, startTestServer, type TestServer } from '../support/server.ts'

const LEAKY = `
  const kept = []
  export default {
    preprocess: input => ({ input }),
    inference(batch) {
      kept.push(Buffer.alloc(10_000_000, 1))
      return batch
    },
    postprocess: (_output, { data }) => data,
  }`

let store: ModelStore
let server: TestServer

beforeAll(async () => {
  store = await makeStore()
  await store.addHandler('leaky', { handler: LEAKY })
  server = await startTestServer(store, ['--worker-memory-limit-mb=500'])
})
afterAll(async () => {
  await server.stop()
  await store.remove()
})

test('a worker that leaks 10 MB a call is replaced again and again, and no request is lost', async () => {
  const client = async (name: string) => {
    const answers: string[] = []
    for (let call = 0; call < 40; call++) {
      const body = `${name} ${call}`
      const response = await fetch(`${server.inference}/predictions/leaky`, { method: 'POST', body })
      answers.push(`${response.status} ${await response.text()}`)
    }
    return answers
  }
  const answers = await Promise.all(['a', 'b', 'c'].map(client))
  expect(answers).toEqual(
    ['a', 'b', 'c'].map(name => Array.from({ length: 40 }, (_, call) => `200 ${name} ${call}`)),
  )
  const { reason } = await logged(server, 'the replacement', ({ msg }) =>
    msg.startsWith('Worker ended and will be started again'),
  )
  expect(reason).toMatch(/^held \d+ MB of memory; its limit \(worker_memory_limit_mb\) is 500 MB$/)
})
