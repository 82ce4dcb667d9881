import { expect, test } from 'vitest'
import { startCliServer } from '../support/cli.ts'
import { digitPng } from '../support/http.ts'
import { makeStore } from '../support/model-store.ts'
import { readJaegerBatches } from '../support/jaeger-packet.ts'
import { listenUdp } from '../support/udp-listener.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'
const STAGES = ['queue', 'preprocess', 'inference', 'postprocess']

test('a prediction is one trace below its client’s span, with a child for each stage', async () => {
  const store = await makeStore()
  await store.addDigits()
  const agent = await listenUdp()
  const flags = ['--tracing', 'jaeger', '--jaeger-agent-addr', `127.0.0.1:${agent.port}`]
  const { cli, inference } = await startCliServer(store.dir, flags)
  try {
    const response = await fetch(`${inference}/predictions/digits`, {
      method: 'PUT',
      body: new Uint8Array(digitPng('digit_5_a.png')),
      headers: { traceparent: `00-${TRACE}-${PARENT}-01` },
    })
    expect(response.status).toBe(200)
    const spans = () => agent.packets.flatMap(readJaegerBatches)
    await agent.until(() => spans().length >= 5)
    const [root] = spans().filter(({ name }) => name === 'predict digits')
    expect(root).toMatchObject({ traceId: TRACE, parentId: PARENT })
    const children = spans().filter(({ parentId }) => parentId === root?.spanId)
    expect(children.map(({ name }) => name)).toEqual(STAGES)
    expect(children.map(({ traceId }) => traceId)).toEqual(STAGES.map(() => TRACE))
    // Each stage begins where the one before it ended or later, across two processes with one clock.
    const starts = children.map(({ startUs }) => startUs)
    expect(starts).toEqual(starts.toSorted((a, b) => a - b))
    expect(root?.startUs).toBeLessThanOrEqual((starts[0] ?? 0) + 1000)
    expect(root?.text).toContain('model.name')
    expect(root?.text).toContain('batch.size')
    expect(agent.packets.some(packet => packet.includes('sconce'))).toBe(true)
  } finally {
    cli.signal('SIGTERM')
    await cli.ended
    await agent.close()
    await store.remove()
  }
})
