import { connect, type AddressInfo, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { quietApp } from '../../support/app.ts'
import { waitFor } from '../../support/wait-for.ts'

test('an answer that was taken late leaves nothing on its connection, which brings the next one', async () => {
  const limits = { connections: 1, requestTimeoutMs: 60_000, clientTimeoutMs: 4_000, minRequestBytesPerS: 1 }
  const app = quietApp({ limits })
  onTestFinished(() => app.close())
  const opened = new Promise<Socket>(resolve => app.server.once('connection', resolve))
  app.get('/large', () => Buffer.alloc(32_000_000))
  await app.listen({ host: '127.0.0.1', port: 0 })
  const client = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  onTestFinished(() => void client.destroy())
  const connection = await opened
  const before = connection.listenerCount('timeout')
  for (let answers = 1; answers <= 2; answers++) {
    client.pause().write('GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await waitFor('the look', () => connection.listenerCount('timeout') > before)
    client.resume()
    await waitFor('the end of the answer', () => app.openRequests.size === 0)
    expect(connection.listenerCount('timeout')).toBe(before)
  }
  expect(connection.destroyed).toBe(false)
})
