import { afterEach, describe, expect, test, vi } from 'vitest'
import type { DropCause, QueueOptions } from '../../../src/batching/queue.ts'
import { ask, failureOf, itemsOf, makeQueue, push } from '../../support/queue.ts'

const open = new AbortController().signal

afterEach(() => void vi.useRealTimers())

describe('deadlines', () => {
  const setUp = (options: Partial<QueueOptions> = {}) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const dropped: DropCause[] = []
    return { queue: makeQueue({ onDropped: cause => dropped.push(cause), ...options }), dropped }
  }
  const within = (ms: number) => ({ deadline: performance.now() + ms })

  test('an item that waits is told at its deadline, and no worker gets it', async () => {
    const { queue, dropped } = setUp()
    const answers = [ask(queue, 1, within(50)), ask(queue, 2, within(20))]
    push(queue, 3)
    const settled = Promise.allSettled(answers)
    await vi.advanceTimersByTimeAsync(20)
    expect(queue.length).toBe(2)
    await vi.advanceTimersByTimeAsync(30)
    expect((await settled).map(each => each.status === 'rejected' && each.reason)).toMatchObject([
      { code: 'DEADLINE_PASSED', http: 504 },
      { code: 'DEADLINE_PASSED' },
    ])
    expect(itemsOf(await queue.next(open))).toEqual([3])
    expect(dropped).toEqual(['deadline', 'deadline'])
  })

  test('an item that a worker has is told as well, and its answer is for nobody', async () => {
    const { queue, dropped } = setUp()
    const answer = failureOf(ask(queue, 1, within(50)))
    const {
      entries: [entry],
    } = await queue.next(open)
    await vi.advanceTimersByTimeAsync(50)
    expect(await answer).toMatchObject({ code: 'DEADLINE_PASSED' })
    expect(entry?.resolve('too late')).toBe('deadline')
    expect(dropped).toEqual([])
  })

  test('an answer that comes before a late timer, and after the deadline, is late', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const queue = makeQueue()
    const answer = ask(queue, 1, within(50))
    const {
      entries: [entry],
    } = await queue.next(open)
    vi.advanceTimersByTime(51)
    expect(entry?.resolve('too late')).toBe('deadline')
    await expect(answer).rejects.toMatchObject({ code: 'DEADLINE_PASSED' })
  })

  test('that have passed already are refused', () => {
    const { queue, dropped } = setUp()
    expect(queue.push(1, within(0))).toMatchObject({ refused: 'deadline' })
    expect([queue.length, dropped]).toEqual([0, ['deadline']])
  })

  test('that cannot be met are refused at once, as far as the pace of the workers tells', async () => {
    const { queue } = setUp()
    queue.join()
    push(queue, 1, 2, 3, 4, 5, 6)
    expect(queue.push(7, within(1))).toBeInstanceOf(Promise)
    queue.pace.ran(2, 200)
    expect(queue.push(8, within(600))).toEqual({ refused: 'expected_wait', waitMs: 700 })
    expect(queue.push(9, within(800))).toBeInstanceOf(Promise)
    queue.join()
    expect(queue.push(10, within(500))).toBeInstanceOf(Promise)
    vi.useRealTimers()
  })
})

test('a crowd after quiet times is not refused for what items took that came alone', () => {
  const queue = makeQueue({ maxWaitMs: 500, batchSize: 32 })
  queue.join()
  queue.pace.ran(32, 32)
  for (let run = 0; run < 100; run++) queue.pace.ran(1, 20)
  const crowd = Array.from({ length: 100 }, (_, item) => queue.push(item))
  expect(crowd.filter(answer => !(answer instanceof Promise))).toEqual([])
})

test('an item that would wait for longer than the longest wait is refused', () => {
  const queue = makeQueue({ maxWaitMs: 150 })
  queue.join()
  queue.pace.ran(1, 100)
  push(queue, 1, 2)
  expect(queue.push(3)).toEqual({ refused: 'expected_wait', waitMs: 200 })
})

test('items are bounded by their bytes, and one alone may be as large as it likes', async () => {
  const queue = makeQueue({ capacityBytes: 100 })
  const large = ask(queue, 1, { bytes: 1000 })
  expect(queue.push(2, { bytes: 1 })).toMatchObject({ refused: 'queue_bytes' })
  const batch = await queue.next(open)
  batch.entries[0]?.resolve('')
  await large
  expect(queue.bytes).toBe(0)
  for (const item of [1, 2]) expect(queue.push(item, { bytes: 50 })).toBeInstanceOf(Promise)
  expect(queue.push(3, { bytes: 1 })).toMatchObject({ refused: 'queue_bytes' })
})

test('what is of higher priority is served first, and what is low is not forgotten', async () => {
  const queue = makeQueue({ batchSize: 1 })
  push(queue, 1)
  void ask(queue, 2, { priority: 'low' })
  for (let item = 10; item < 22; item++) void ask(queue, item, { priority: 'high' })
  const order: number[] = []
  while (queue.length > 0) order.push(...itemsOf(await queue.next(open)))
  expect(order).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 1, 18, 19, 20, 21, 2])
})
