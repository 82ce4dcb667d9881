/** How a server ends that is asked to: its probes say so first, then it serves on, then it lets nobody in. */
import { once } from 'node:events'
import { get } from 'node:http'
import { text } from 'node:stream/consumers'
import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startCliServer, type CliServer } from '../support/cli.ts'
import { GrpcClient } from '../support/grpc.ts'
import { BUSY } from '../support/handlers.ts'
import { jsonOf } from '../support/http.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { isAlive, workersOf } from '../support/processes.ts'
import { freePort } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

let store: ModelStore
/** TMPDIR of every server here. */
let tmp: string

beforeAll(async () => {
  store = await makeStore()
  await store.addHandler('busy', { handler: BUSY })
  tmp = await realpath(await mkdtemp(join(tmpdir(), 'sconce-drain-')))
})
afterAll(async () => {
  await store.remove()
  await rm(tmp, { recursive: true, force: true })
})

async function start(...flags: string[]): Promise<CliServer> {
  const server = await startCliServer(store.dir, [...flags, '--ncs'], { env: { TMPDIR: tmp } })
  onTestFinished(() => server.cli.signal('SIGKILL'))
  return server
}

function predict({ inference }: CliServer, body: string, busyMs = 0): Promise<Response> {
  const headers = { 'x-busy-ms': String(busyMs) }
  return fetch(`${inference}/predictions/busy`, { method: 'POST', body, headers })
}

async function isReady({ inference }: CliServer): Promise<{ status: number; body: unknown }> {
  return jsonOf(await fetch(`${inference}/health/ready`))
}

/** The header `connection` of an answer, which fetch does not show. */
function connectionOf({ inference }: CliServer): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    get(`${inference}/ping`, { headers: { connection: 'keep-alive' } }, response => {
      resolve(response.headers.connection)
      void text(response)
    }).on('error', reject)
  })
}

describe('during the grace', () => {
  test('a server is not ready, serves on, and sends clients elsewhere; a second signal ends it at once', async () => {
    const port = await freePort()
    const server = await start('--drain-grace=60', `--grpc-inference-port=${port}`)
    const grpc = new GrpcClient(`127.0.0.1:${port}`)
    onTestFinished(() => grpc.close())
    const health = () => grpc.ask('grpc.health.v1.Health/Check', { service: '' })
    expect(await connectionOf(server)).toBe('keep-alive')
    expect((await isReady(server)).status).toBe(200)
    expect(await health()).toEqual({ status: 'SERVING' })
    server.cli.signal('SIGTERM')
    await server.cli.logged('Not ready any more, and still serving')
    expect(await isReady(server)).toMatchObject({
      status: 503,
      body: { ready: false, draining: true, reasons: ['The server is shutting down.'] },
    })
    expect((await fetch(`${server.inference}/v2/health/ready`)).status).toBe(503)
    expect(await health()).toEqual({ status: 'NOT_SERVING' })
    expect((await fetch(`${server.inference}/health/live`)).status).toBe(200)
    expect((await fetch(`${server.inference}/ping`)).status).toBe(200)
    const answer = await predict(server, 'still here')
    expect([answer.status, await answer.text()]).toEqual([200, 'still here'])
    expect(await connectionOf(server)).toBe('close')
    const workers = workersOf(server.cli.pid)
    server.cli.signal('SIGTERM')
    expect(await server.cli.ended).toEqual({ code: 143, signal: null })
    await waitFor('its workers to end', () => workers.every(pid => !isAlive(pid)))
  })

  test('requests are answered, and after it the server exits with 0', async () => {
    const server = await start('--drain-grace=1')
    server.cli.signal('SIGTERM')
    await server.cli.logged('Not ready any more, and still serving')
    const answer = await predict(server, 'late', 1500)
    expect([answer.status, await answer.text()]).toEqual([200, 'late'])
    expect(await server.cli.ended).toEqual({ code: 0, signal: null })
    expect(await predict(server, 'too late').catch(() => 'refused')).toBe('refused')
  })
})

test('a request that outlasts the drain time is cut, and its worker does not keep the server', async () => {
  const server = await start('--drain-timeout=1')
  const workers = workersOf(server.cli.pid)
  const before = await readdir(tmp)
  const answer = predict(server, 'for ten minutes', 600_000).catch(() => 'cut')
  await waitFor('the worker to take it', async () => {
    const page = await (await fetch(`${server.metrics}/metrics`)).text()
    return /^ts_inference_requests_total\{model_name="busy".* 1\.0$/m.test(page)
  })
  server.cli.signal('SIGTERM')
  expect(await answer).toBe('cut')
  expect(await server.cli.ended).toEqual({ code: 0, signal: null })
  expect(workers.filter(isAlive)).toEqual([])
  expect((await readdir(tmp)).length).toBeLessThan(before.length)
})

test('a log that nobody reads does not keep the server', async () => {
  const server = await start()
  server.cli.child.stdout?.pause()
  // More than the pipe holds: each of them is a line.
  const path = `/predictions/${'x'.repeat(4000)}`
  for (let request = 0; request < 200; request++) await (await fetch(server.inference + path)).text()
  server.cli.signal('SIGTERM')
  const [code] = await once(server.cli.child, 'exit')
  expect(code).toBe(0)
})
