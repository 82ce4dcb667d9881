/** The load generator counts what it is there to count. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import {
  startLoadGenerator,
  type Arrivals,
  type LoadOrder,
  type LoadResult,
} from '../../../bench/support/load.ts'
import { idealTimesUs, poissonMoments } from '../../../bench/support/poisson.ts'

const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

async function load(answer: RequestListener, order: Partial<LoadOrder>): Promise<LoadResult> {
  const server = createServer((request, response) => {
    request.resume()
    request.once('end', () => answer(request, response))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const generator = startLoadGenerator()
  ends.push(() => (generator.stop(), server.closeAllConnections(), server.close()))
  // Listening on TCP, the address is an object.
  const { port } = server.address() as AddressInfo
  const request = { port, path: '/', contentType: 'text/plain', body: Buffer.from('one') }
  const arrivals: Arrivals = { kind: 'closed', connections: 2 }
  return generator.run({ request, arrivals, durationMs: 100, ...order })
}

const respond =
  (status: number, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-length': '2', ...headers }).end('ok')
  }

test('a closed loop counts what was answered', async () => {
  const result = await load(respond(200), {})

  expect(result.requests).toBeGreaterThan(0)
  expect(result).toMatchObject({ sent: result.requests, refused: {}, lost: 0, firstFailure: '' })
})

test('a loop that tolerates nothing fails with the answer that was not 200', async () => {
  await expect(load(respond(500), {})).rejects.toThrow(/POST http:.* the answer is HTTP\/1.1 500/)
})

test('refusals are counted by status, over connections that the server closes', async () => {
  const result = await load(respond(503, { connection: 'close' }), { isTolerant: true })

  expect(result.requests).toBe(0)
  expect(result.refused['503']?.count).toBe(result.sent)
})

test('a request whose connection ends is lost', async () => {
  const result = await load(request => request.socket.destroy(), { isTolerant: true })

  expect(result.lost).toBe(result.sent)
  expect(result.sent).toBeGreaterThan(0)
})

test('an open loop sends on while its first request is not answered', async () => {
  let first: (() => void) | undefined
  let requests = 0
  const result = await load(
    (_request, response) => {
      const end = () => response.writeHead(200, { 'content-length': '2' }).end('ok')
      if (++requests === 1) first = end
      else end()
      if (requests === 20) first?.()
    },
    { arrivals: { kind: 'open', perSecond: 400, seed: 1 } },
  )

  expect(result.count).toBe(result.sent)
  expect(result.sent).toBe([...poissonMoments({ perSecond: 400, seed: 1 }, 100)].length)
})

test('the same seed gives the same moments, as many as the rate says', () => {
  const moments = [...poissonMoments({ perSecond: 1000, seed: 7 }, 10_000)]

  expect([...poissonMoments({ perSecond: 1000, seed: 7 }, 10_000)]).toEqual(moments)
  expect(moments.length / 10).toBeCloseTo(1000, -2)
})

test('ideal workers make who comes while all are busy wait for the first that is free', () => {
  expect([...idealTimesUs([0, 0, 0, 100], 2, 10)]).toEqual([10_000, 10_000, 10_000, 20_000])
})
