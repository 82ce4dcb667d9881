import { expect, test } from 'vitest'
import { encode, FrameReader } from '../../../src/worker/framing.ts'
import type { ToWorker, WireTensor } from '../../../src/worker/protocol.ts'

const tensor = (name: string, data: Uint8Array): WireTensor => ({
  name,
  datatype: 'FP32',
  shape: [data.length / 4],
  data,
})

function through(tensors: readonly WireTensor[]): readonly WireTensor[] {
  const item = { requestId: '1', headers: {}, parameters: [], tensors, outputs: ['y'] }
  const message: ToWorker = { type: 'run', batch: 1, verb: 'infer', items: [item] }
  const [read] = new FrameReader<ToWorker>(1_000_000).push(Buffer.concat(encode(message)))
  if (read?.type !== 'run') throw new Error('A run went in')
  expect(read.items[0]?.outputs).toEqual(['y'])
  return read.items[0]?.tensors ?? []
}

test('tensors cross as bytes, in their order', () => {
  const tensors = [
    tensor('a', Buffer.from([1, 2, 3, 4])),
    tensor('b', Buffer.of()),
    tensor('c', Buffer.alloc(8, 7)),
  ]
  expect(through(tensors)).toEqual(tensors)
})

test('the first tensor lies as elements of eight bytes need it, whatever the head is', () => {
  for (let length = 1; length < 20; length++) {
    const [read] = through([tensor('n'.repeat(length), Buffer.alloc(100_000))])
    expect((read?.data.byteOffset ?? 1) % 8).toBe(0)
  }
})
