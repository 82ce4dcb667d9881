import { afterEach, beforeAll, afterAll, describe, expect, test } from 'vitest'
import { BUSY } from '../support/handlers.ts'
import { startCliServer, type CliServer } from '../support/cli.ts'
import { digitPng, probabilitiesOf, recordedDigits } from '../support/http.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { isAlive, workersOf } from '../support/processes.ts'
import { waitFor } from '../support/wait-for.ts'

let store: ModelStore
const servers: CliServer[] = []

beforeAll(async () => {
  store = await makeStore()
  await store.addDigits()
  await store.addHandler('busy', { handler: BUSY, config: 'minWorkers: 2\nmaxWorkers: 2\n' })
})
afterAll(() => store.remove())
afterEach(async () => {
  for (const { cli } of servers.splice(0)) {
    cli.signal('SIGKILL')
    await cli.ended
  }
})

async function start(flags: readonly string[] = []): Promise<CliServer> {
  const server = await startCliServer(store.dir, flags)
  servers.push(server)
  return server
}

const ask = (server: CliServer, model: string, body: string, busyMs = 0) =>
  fetch(`${server.inference}/predictions/${model}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'text/plain', 'x-busy-ms': String(busyMs) },
  })

const workersOfModel = async (server: CliServer, model: string) => {
  const response = await fetch(`${server.management}/models/${model}`)
  const [shown] = (await response.json()) as [{ workers: { pid: number; status: string }[] }]
  return shown.workers.filter(({ status }) => status === 'READY').map(({ pid }) => pid)
}

test('of thirty pictures of digits at least 29 are read right, with the probabilities that PyTorch gave', async () => {
  const server = await start()
  const records = recordedDigits()
  expect(records).toHaveLength(30)
  let right = 0
  for (const { file, label, probabilities } of records) {
    const body = new Uint8Array(digitPng(file))
    const response = await fetch(`${server.inference}/predictions/digits`, { method: 'PUT', body })
    expect(response.status).toBe(200)
    const answer: unknown = await response.json()
    const got = probabilitiesOf(answer)
    got.forEach((value, digit) => expect(Math.abs(value - (probabilities[digit] ?? 9))).toBeLessThan(1e-4))
    if (got.indexOf(Math.max(...got)) === label) right++
  }
  expect(right).toBeGreaterThanOrEqual(29)
})

describe('workers that are killed under traffic', () => {
  test('lose no request: each is answered, and the workers are replaced', async () => {
    const server = await start()
    const before = await workersOfModel(server, 'busy')
    expect(before).toHaveLength(2)
    let next = 0
    const killed: number[] = []
    const outcomes: { text: string; expected: string; status: number }[] = []
    const client = async () => {
      while (killed.length < 3 || next < 60) {
        const expected = `request ${next++}`
        const response = await ask(server, 'busy', expected, 20)
        outcomes.push({ text: await response.text(), expected, status: response.status })
      }
    }
    const killer = async () => {
      while (killed.length < 3) {
        const answered = outcomes.length
        const victim = await waitFor('a worker that serves', async () => {
          const pids = await workersOfModel(server, 'busy')
          return outcomes.length > answered + 5 && pids.find(pid => !killed.includes(pid))
        })
        process.kill(victim, 'SIGKILL')
        killed.push(victim)
      }
    }
    await Promise.all([client(), client(), client(), client(), killer()])
    expect(outcomes.filter(({ status }) => status !== 200)).toEqual([])
    for (const { text, expected } of outcomes) expect(text).toBe(expected)
    const after = await waitFor('the new workers', async () => {
      const pids = await workersOfModel(server, 'busy')
      return pids.length === 2 && pids
    })
    for (const pid of killed) expect(after).not.toContain(pid)
    expect(workersOf(server.cli.pid)).toHaveLength(3)
    const { reason } = await server.cli.logged('Worker ended and will be started again')
    expect(reason).toBe('was ended by SIGKILL')
  })
})

describe('a server that is asked to end', () => {
  test('answers what is in flight, and what waits, and exits with 0', async () => {
    const server = await start()
    const workers = workersOf(server.cli.pid)
    const answers = Array.from({ length: 8 }, (_, index) => ask(server, 'busy', `request ${index}`, 150))
    await waitFor('the requests', async () => {
      const response = await fetch(`${server.management}/models/busy`)
      const [shown] = (await response.json()) as [{ jobQueueStatus: { pendingRequests: number } }]
      return shown.jobQueueStatus.pendingRequests >= 5
    })
    server.cli.signal('SIGTERM')
    const texts = await Promise.all(answers.map(async answer => (await answer).text()))
    expect(texts).toEqual(Array.from({ length: 8 }, (_, index) => `request ${index}`))
    expect(await server.cli.ended).toEqual({ code: 0, signal: null })
    expect(workers.filter(isAlive)).toEqual([])
    expect(server.cli.stderr).toBe('')
    expect(server.cli.log.some(({ msg }) => msg.startsWith('Stopping on SIGTERM'))).toBe(true)
  })

  test('ends at once at the second signal, and leaves no worker that computes', async () => {
    const server = await start()
    const workers = workersOf(server.cli.pid)
    const answer = ask(server, 'busy', 'for a minute', 60_000).catch(() => undefined)
    await waitFor('the worker to take it', async () => {
      const page = await (await fetch(`${server.metrics}/metrics`)).text()
      return /^ts_inference_requests_total\{model_name="busy".* 1\.0$/m.test(page)
    })
    server.cli.signal('SIGINT')
    await server.cli.logged(
      'Stopping on SIGINT: requests in flight are finished first; a second signal ends at once',
    )
    server.cli.signal('SIGINT')
    expect(await server.cli.ended).toEqual({ code: 130, signal: null })
    await answer
    await waitFor('its workers to end', () => workers.every(pid => !isAlive(pid)))
  })

  test('by force takes its idle workers with it', async () => {
    const server = await start()
    const workers = workersOf(server.cli.pid)
    expect(workers).toHaveLength(3)
    server.cli.signal('SIGKILL')
    await server.cli.ended
    await waitFor('its workers to end', () => workers.every(pid => !isAlive(pid)))
  })
})
