import { describe, expect, test } from 'vitest'
import { encode, FrameError, FrameReader } from '../../../src/worker/framing.ts'
import type { Answer, FromWorker, Item, ToWorker } from '../../../src/worker/protocol.ts'

type Message = ToWorker | FromWorker

const bytesOf = (message: Message) => Buffer.concat(encode(message))
const timings = { preprocess: [1, 2], inference: [2, 3], postprocess: [3, 4] } as const

/** A generator of numbers in [0, 1) that gives the same ones for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function randomMessage(random: () => number): Message {
  const below = (limit: number) => Math.floor(random() * limit)
  const bytes = () => Buffer.from(Array.from({ length: below(4) === 0 ? 0 : below(3000) }, () => below(256)))
  const text = () => String.fromCodePoint(...Array.from({ length: below(12) }, () => 1 + below(0xd000)))
  const many = <T>(make: () => T) => Array.from({ length: below(5) }, make)
  const item = (): Item => ({
    requestId: text(),
    headers: { [text()]: text() },
    parameters: many(() => ({ name: text(), contentType: text(), value: bytes() })),
  })
  const answer = (): Answer =>
    below(3) === 0
      ? { ok: false, code: 'BAD_REQUEST', facts: [text()] }
      : { ok: true, status: 200, contentType: text(), headers: {}, body: bytes() }
  switch (below(4)) {
    case 0:
      return { type: 'run', batch: below(1e6), verb: 'predict', items: many(item) }
    case 1:
      return { type: 'done', batch: below(1e6), answers: many(answer), timings, metrics: [] }
    case 2:
      return { type: 'log', level: 'info', message: text(), fields: { [text()]: below(10) } }
    default:
      return { type: 'stop' }
  }
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])('messages survive being cut into chunks of any size (seed %i)', seed => {
  const random = seeded(seed)
  const messages = Array.from({ length: 60 }, () => randomMessage(random))
  const stream = Buffer.concat(messages.flatMap(message => encode(message)))
  const reader = new FrameReader<Message>(2 ** 20)
  const received: Message[] = []
  for (let at = 0; at < stream.length;) {
    const size = random() < 0.3 ? 1 + Math.floor(random() * 9) : 1 + Math.floor(random() * 5000)
    received.push(...reader.push(stream.subarray(at, at + size)))
    at += size
  }
  // As Buffers on both sides: a Uint8Array of the same bytes is the same.
  expect(received).toEqual(messages)
})

test('one byte at a time is enough', () => {
  const message: Message = {
    type: 'done',
    batch: 7,
    answers: [{ ok: true, status: 200, contentType: '', headers: {}, body: Buffer.from('seven') }],
    timings,
    metrics: [],
  }
  const reader = new FrameReader<Message>(1000)
  expect([...bytesOf(message)].flatMap(byte => reader.push(Uint8Array.of(byte)))).toEqual([message])
})

test('large payloads are not copied on the way out', () => {
  const value = Buffer.alloc(600_000, 'the bytes of the client')
  const item = { requestId: '', headers: {}, parameters: [{ name: 'body', contentType: '', value }] }
  expect(encode({ type: 'run', batch: 1, verb: 'predict', items: [item] }).includes(value)).toBe(true)
})

test('a small frame is one piece: many small writes cost more than a copy', () => {
  const items = Array.from({ length: 32 }, (_, index) => ({
    requestId: String(index),
    headers: {},
    parameters: [{ name: 'body', contentType: 'application/json', value: Buffer.from(`[${index}]`) }],
  }))
  expect(encode({ type: 'run', batch: 1, verb: 'predict', items })).toHaveLength(1)
})

test('items that share an object of headers have one each on the other side', () => {
  const headers = { host: 'sconce' }
  const item = { requestId: '', headers, parameters: [] }
  const bytes = bytesOf({ type: 'run', batch: 1, verb: 'predict', items: [item, item] })
  const [message] = new FrameReader<Message>(1000).push(bytes)
  const [first, second] = message?.type === 'run' ? message.items : []
  expect(first?.headers).toEqual(headers)
  expect(second?.headers).toEqual(headers)
  expect(first?.headers).not.toBe(second?.headers)
})

describe('hostile bytes', () => {
  const frame = (head: string, tail = '', lengths: { total?: number; head?: number } = {}) => {
    const prefix = Buffer.alloc(8)
    prefix.writeUInt32LE(lengths.total ?? 4 + head.length + tail.length, 0)
    prefix.writeUInt32LE(lengths.head ?? head.length, 4)
    return Buffer.concat([prefix, Buffer.from(head), Buffer.from(tail)])
  }
  const answers = (...bodies: unknown[]) =>
    JSON.stringify({ type: 'done', batch: 1, answers: bodies.map(body => [200, '', {}, body]) })

  test.each([
    ['a length above the limit', frame('{}', '', { total: 1005 })],
    ['the largest length there is', frame('{}', '', { total: 0xffff_ffff })],
    ['a length that does not even hold the head’s', frame('{}', '', { total: 3 })],
    ['a length of zero', frame('', '', { total: 0, head: 0 })],
    ['a head longer than its frame', frame('{}', '', { head: 3 })],
    ['a head of nothing', frame('', 'tail', { head: 0 })],
    ['a head that is not JSON', frame('not json')],
    ['a head that is no object', frame('null')],
    ['a done without answers', frame('{"type":"done"}')],
    ['an answer that is neither', frame('{"type":"done","answers":[{"ok":true,"body":0}]}')],
    ['an answer that is null', frame('{"type":"done","answers":[null]}')],
    ['a body longer than the tail', frame(answers(9), '12345678')],
    ['bodies that are longer together', frame(answers(5, 4), '12345678')],
    ['a body of negative length', frame(answers(5, -4, 4), '12345678')],
    ['a body whose length is text', frame(answers('1'), '1')],
    ['plain garbage', Buffer.from('GET / HTTP/1.1\r\nHost: worker\r\n\r\n')],
  ])('%s is refused', (_case, bytes) => {
    expect(() => new FrameReader<Message>(1000).push(bytes)).toThrow(FrameError)
  })

  test('a length above the limit is refused before its bytes have come', () => {
    const reader = new FrameReader<Message>(1000)
    expect(() => reader.push(frame('', '', { total: 2 ** 31, head: 5 }).subarray(0, 8))).toThrow(
      /2147483644 bytes with a head of 5; the limit is 1000/,
    )
  })

  test('a length of a body that is a fraction does not mix up the bodies behind it', () => {
    const reader = new FrameReader<Message>(1000)
    expect(() => reader.push(frame(answers(1.5, 1), '123'))).toThrow(FrameError)
  })
})
