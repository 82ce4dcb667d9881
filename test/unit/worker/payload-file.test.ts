import { fstatSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { encode, FrameError, FrameReader } from '../../../src/worker/framing.ts'
import { PayloadFile } from '../../../src/worker/payload-file.ts'
import type { FromWorker, ToWorker } from '../../../src/worker/protocol.ts'

let server: PayloadFile
let worker: PayloadFile

beforeEach(() => {
  const file = PayloadFile.create()
  if (file === undefined) throw new Error('This machine has no /dev/shm, which these tests need')
  server = file
  worker = new PayloadFile(file.fd, 'worker')
})
afterEach(() => server.close())

const run = (batch: number, value: Buffer): ToWorker => {
  const item = { requestId: 'a', headers: {}, parameters: [{ name: 'body', contentType: '', value }] }
  return { type: 'run', batch, verb: 'predict', items: [item] }
}
const done = (batch: number, body: Buffer): FromWorker => ({
  type: 'done',
  batch,
  answers: [{ ok: true, status: 200, contentType: '', headers: {}, body }],
  timings: { preprocess: [1, 2], inference: [2, 3], postprocess: [3, 4] },
  metrics: [],
})
const LARGE = 600_000

test('a large payload crosses through the file, and its frame is a head', () => {
  const message = run(1, Buffer.alloc(LARGE, 7))
  const [frame, ...more] = encode(message, server)
  expect(more).toEqual([])
  expect(frame?.length).toBeLessThan(1000)
  expect(new FrameReader<ToWorker>(2 ** 20, worker).push(frame ?? Buffer.alloc(0))).toEqual([message])
})

test('two batches on their way there and two answers on their way back do not touch', () => {
  const sent = [run(1, Buffer.alloc(LARGE, 1)), run(2, Buffer.alloc(LARGE, 2))]
  const answered = [done(1, Buffer.alloc(LARGE, 3)), done(2, Buffer.alloc(LARGE, 4))]
  const there = sent.flatMap(message => encode(message, server))
  const back = answered.flatMap(message => encode(message, worker))
  expect(new FrameReader<ToWorker>(2 ** 20, worker).push(Buffer.concat(there))).toEqual(sent)
  expect(new FrameReader<FromWorker>(2 ** 20, server).push(Buffer.concat(back))).toEqual(answered)
})

test('a small payload stays in its frame', () => {
  const [frame] = encode(run(1, Buffer.alloc(1000, 7)), server)
  expect(frame?.length).toBeGreaterThan(1000)
  expect(fstatSync(server.fd).size).toBe(0)
})

test('what the system has no room for goes the other way', () => {
  const closed = new PayloadFile(-1, 'server')
  const pieces = encode(run(1, Buffer.alloc(LARGE, 7)), closed)
  expect(pieces.reduce((sum, piece) => sum + piece.length, 0)).toBeGreaterThan(LARGE)
})

test('memory for very large payloads is given back once nothing is under way', () => {
  encode(run(1, Buffer.alloc(LARGE)), server)
  server.shrink()
  expect(fstatSync(server.fd).size).toBe(LARGE + 2 ** 32)
  encode(run(2, Buffer.alloc(2 ** 25)), server)
  server.shrink()
  expect(fstatSync(server.fd).size).toBe(0)
})

test('so is memory for large payloads there and back that are too much together', () => {
  const some = Buffer.alloc(5_000_000)
  encode(run(1, some), server)
  encode(run(2, some), server)
  const back = [done(1, some), done(2, some)].flatMap(message => encode(message, worker))
  server.shrink()
  expect(fstatSync(server.fd).size).toBeGreaterThan(0)
  new FrameReader<FromWorker>(2 ** 30, server).push(Buffer.concat(back))
  server.shrink()
  expect(fstatSync(server.fd).size).toBe(0)
})

test('what was written before there was no more room is given back', () => {
  // The system takes less than it was given.
  expect(server.write(1, [Buffer.alloc(1000)], LARGE)).toBeUndefined()
  expect(fstatSync(server.fd).size).toBeGreaterThan(0)
  server.shrink()
  expect(fstatSync(server.fd).size).toBe(0)
})

test('what a worker wrote before there was no more room is given back, too', () => {
  expect(worker.write(1, [Buffer.alloc(1000)], LARGE)).toBeUndefined()
  const pieces = encode(done(1, Buffer.alloc(LARGE)))
  new FrameReader<FromWorker>(2 ** 20, server).push(Buffer.concat(pieces))
  server.shrink()
  expect(fstatSync(server.fd).size).toBe(0)
})

test.each([
  ['beyond what the file holds', { at: 0, bytes: 10 }],
  ['above the limit', { at: 0, bytes: 2 ** 30 }],
  ['at a place that is none', { at: -1, bytes: 10 }],
  ['of no length', { at: 0 }],
  ['that is no place', 'there'],
])('a payload %s is refused', (_case, payload) => {
  const head = Buffer.from(JSON.stringify({ ...done(1, Buffer.alloc(0)), answers: [], payload }))
  const prefix = Buffer.alloc(8)
  prefix.writeUInt32LE(4 + head.length, 0)
  prefix.writeUInt32LE(head.length, 4)
  const reader = new FrameReader<FromWorker>(2 ** 20, server)
  expect(() => reader.push(Buffer.concat([prefix, head]))).toThrow(FrameError)
})
