import { expect, test } from 'vitest'
import { PARAMETERS } from '../support/handlers.ts'
import { makeStore } from '../support/model-store.ts'
import { freePort, startTestServer } from '../support/server.ts'

test('all APIs can share one address', async () => {
  const store = await makeStore()
  await store.addHandler('parameters', { handler: PARAMETERS })
  const address = `http://127.0.0.1:${await freePort()}`
  const flags = ['inference', 'management', 'metrics'].map(api => `--${api}-address=${address}`)
  const server = await startTestServer(store, flags)
  try {
    expect(server.server.addresses).toEqual({ inference: address, management: address, metrics: address })
    for (const path of [
      '/ping',
      '/predictions/parameters',
      '/models',
      '/models/parameters/1.0',
      '/metrics',
    ]) {
      const response = await fetch(address + path)
      expect(`${path} ${response.status}`).toBe(`${path} 200`)
    }
    const description = await (await fetch(`${address}/`, { method: 'OPTIONS' })).json()
    expect(description).toMatchObject({ paths: { '/ping': {}, '/models': {}, '/metrics': {} } })
  } finally {
    await server.stop()
    await store.remove()
  }
})
