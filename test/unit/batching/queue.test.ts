import { afterEach, describe, expect, test, vi } from 'vitest'
import type { QueueOptions } from '../../../src/batching/queue.ts'
import { ask, itemsOf, makeQueue, push } from '../../support/queue.ts'

const open = new AbortController().signal

afterEach(() => void vi.useRealTimers())

test('batches are cut in the order of arrival, up to the batch size', async () => {
  const queue = makeQueue()
  push(queue, 1, 2, 3, 4, 5, 6)
  expect(itemsOf(await queue.next(open))).toEqual([1, 2, 3, 4])
  expect(itemsOf(await queue.next(open))).toEqual([5, 6])
  expect(queue.length).toBe(0)
})

test('batches can be limited to fewer than the batch size, never to more', async () => {
  const queue = makeQueue()
  push(queue, 1, 2, 3, 4, 5, 6, 7)
  queue.batchLimit = 2
  expect(itemsOf(await queue.next(open))).toEqual([1, 2])
  queue.batchLimit = 0
  expect(itemsOf(await queue.next(open))).toEqual([3])
  queue.batchLimit = 100
  expect(queue.batchLimit).toBe(4)
  expect(itemsOf(await queue.next(open))).toEqual([4, 5, 6, 7])
})

test('an entry carries its answer back to whoever pushed it', async () => {
  const queue = makeQueue()
  const first = ask(queue, 1)
  const second = ask(queue, 2)
  const {
    entries: [one, two],
  } = await queue.next(open)
  two?.reject(new Error('not this one'))
  one?.resolve('the answer')
  await expect(first).resolves.toBe('the answer')
  await expect(second).rejects.toThrow('not this one')
})

test('one item beyond the capacity is refused, and taken again once there is room', async () => {
  const queue = makeQueue({ capacity: 2 })
  push(queue, 1, 2)
  expect(queue.push(3)).toMatchObject({ refused: 'queue_full' })
  expect(queue.length).toBe(2)
  await queue.next(open)
  expect(queue.push(3)).toBeInstanceOf(Promise)
})

describe('clients that have left', () => {
  test('are dropped when a batch is cut', async () => {
    const queue = makeQueue()
    let isGone = false
    const left = ask(queue, 1, { isGone: () => isGone })
    push(queue, 2)
    isGone = true
    expect(itemsOf(await queue.next(open))).toEqual([2])
    await expect(left).rejects.toMatchObject({ code: 'CLIENT_GONE' })
  })

  test('make room in a full queue', async () => {
    const queue = makeQueue({ capacity: 1 })
    const left = ask(queue, 1, { isGone: () => true })
    expect(queue.push(2)).toBeInstanceOf(Promise)
    await expect(left).rejects.toMatchObject({ code: 'CLIENT_GONE' })
    expect(queue.length).toBe(1)
  })

  test('are dropped wherever they stand, and the others keep their order', async () => {
    const gone = new Set([1, 4, 6])
    const queue = makeQueue({ batchSize: 2 })
    const answers = [1, 2, 3, 4, 5, 6].map(item => ask(queue, item, { isGone: () => gone.has(item) }))
    expect(itemsOf(await queue.next(open))).toEqual([2, 3])
    expect(itemsOf(await queue.next(open))).toEqual([5])
    for (const item of gone) await expect(answers[item - 1]).rejects.toMatchObject({ code: 'CLIENT_GONE' })
    expect(queue.length).toBe(0)
    push(queue, 7)
    expect(itemsOf(await queue.next(open))).toEqual([7])
  })

  test('are asked for no further than a batch reaches, and seldom where the queue is full', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    let asked = 0
    const queue = makeQueue({ capacity: 1000, batchSize: 2 })
    const isGone = () => (asked++, false)
    for (let item = 0; item < 1000; item++) void ask(queue, item, { isGone })
    await queue.next(open)
    expect(asked).toBe(2)
    push(queue, 1, 2)
    asked = 0
    for (let refused = 0; refused < 100; refused++)
      expect(queue.push(0)).toMatchObject({ refused: 'queue_full' })
    expect(asked).toBe(998)
    vi.advanceTimersByTime(10)
    expect(queue.push(0)).toMatchObject({ refused: 'queue_full' })
    expect(asked).toBe(2 * 998)
  })

  test('that were the last ones leave an empty queue, which is told', async () => {
    const queue = makeQueue()
    const stop = new AbortController()
    let isGone = false
    const answers = [1, 2].map(item => ask(queue, item, { isGone: () => isGone }))
    const empty = queue.empty()
    isGone = true
    const pulled = queue.next(stop.signal)
    await empty
    for (const answer of answers) await expect(answer).rejects.toMatchObject({ code: 'CLIENT_GONE' })
    stop.abort()
    expect(itemsOf(await pulled)).toEqual([])
  })

  test('do not wake a worker for nothing', async () => {
    const queue = makeQueue()
    const pulled = queue.next(open)
    const left = ask(queue, 1, { isGone: () => true })
    await expect(left).rejects.toMatchObject({ code: 'CLIENT_GONE' })
    push(queue, 2)
    expect(itemsOf(await pulled)).toEqual([2])
  })
})

describe('workers that wait', () => {
  test('two of them share what comes and take nothing twice', async () => {
    const queue = makeQueue({ batchSize: 1 })
    const pulls = [queue.next(open), queue.next(open)]
    push(queue, 1, 2)
    const batches = await Promise.all(pulls)
    expect(batches.flatMap(itemsOf).toSorted((a, b) => a - b)).toEqual([1, 2])
    expect(batches.map(({ entries }) => entries.length)).toEqual([1, 1])
  })

  test('many of them take every item exactly once', async () => {
    const queue = makeQueue({ capacity: 1000, batchSize: 3 })
    const stop = new AbortController()
    const taken: number[] = []
    const pull = async () => {
      for (;;) {
        const { entries } = await queue.next(stop.signal)
        if (entries.length === 0) return
        for (const entry of entries) {
          taken.push(entry.item)
          entry.resolve('')
        }
      }
    }
    const pullers = Array.from({ length: 7 }, pull)
    const items = Array.from({ length: 500 }, (_, index) => index)
    await Promise.all(items.map(item => ask(queue, item)))
    stop.abort()
    await Promise.all(pullers)
    expect(taken.toSorted((a, b) => a - b)).toEqual(items)
  })

  test('one that is stopped gets nothing and leaves the item to another', async () => {
    const queue = makeQueue()
    const stop = new AbortController()
    const stopped = queue.next(stop.signal)
    const other = queue.next(open)
    push(queue, 1)
    stop.abort()
    const batches = [itemsOf(await stopped), itemsOf(await other)]
    expect(batches.flat()).toEqual([1])
  })

  test('a signal that is aborted already gives an empty batch at once', async () => {
    const queue = makeQueue()
    push(queue, 1)
    expect(itemsOf(await queue.next(AbortSignal.abort()))).toEqual([])
    expect(queue.length).toBe(1)
  })
})

describe('with a delay', () => {
  const pullUnderFakeTime = (options: Partial<QueueOptions>) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const queue = makeQueue(options)
    let batch: number[] | undefined
    void queue.next(open).then(entries => (batch = itemsOf(entries)))
    return { queue, batch: () => batch }
  }

  test('an item waits for company until the delay is over', async () => {
    const { queue, batch } = pullUnderFakeTime({ maxDelayMs: 100 })
    push(queue, 1)
    await vi.advanceTimersByTimeAsync(60)
    push(queue, 2)
    await vi.advanceTimersByTimeAsync(39)
    expect(batch()).toBeUndefined()
    await vi.advanceTimersByTimeAsync(1)
    expect(batch()).toEqual([1, 2])
  })

  test('a full batch does not wait', async () => {
    const { queue, batch } = pullUnderFakeTime({ maxDelayMs: 60_000 })
    push(queue, 1, 2, 3)
    await vi.advanceTimersByTimeAsync(0)
    expect(batch()).toBeUndefined()
    push(queue, 4)
    await vi.advanceTimersByTimeAsync(0)
    expect(batch()).toEqual([1, 2, 3, 4])
  })

  test('a deadline ends the wait, so that it can be met', async () => {
    const { queue, batch } = pullUnderFakeTime({ maxDelayMs: 1000 })
    queue.pace.ran(1, 10)
    push(queue, 1)
    await vi.advanceTimersByTimeAsync(5)
    void ask(queue, 2, { deadline: performance.now() + 50 })
    await vi.advanceTimersByTimeAsync(29)
    expect(batch()).toBeUndefined()
    await vi.advanceTimersByTimeAsync(1)
    expect(batch()).toEqual([1, 2])
  })

  test('who has a deadline does not wait where nobody knows how long a run takes', async () => {
    const { queue, batch } = pullUnderFakeTime({ maxDelayMs: 1000 })
    void ask(queue, 1, { deadline: performance.now() + 50 })
    await vi.advanceTimersByTimeAsync(0)
    expect(batch()).toEqual([1])
  })

  test('the worker that waits for company gets it, not the one beside it', async () => {
    const { queue, batch } = pullUnderFakeTime({ maxDelayMs: 100 })
    let other: number[] | undefined
    push(queue, 1)
    await vi.advanceTimersByTimeAsync(0)
    void queue.next(open).then(entries => (other = itemsOf(entries)))
    push(queue, 2)
    await vi.advanceTimersByTimeAsync(100)
    expect([batch(), other]).toEqual([[1, 2], undefined])
  })
})

test('rejecting everything leaves an empty queue that can be used again', async () => {
  const queue = makeQueue()
  const waiting = [ask(queue, 1), ask(queue, 2)]
  queue.rejectAll(new Error('nobody comes'))
  for (const each of waiting) await expect(each).rejects.toThrow('nobody comes')
  expect(queue.length).toBe(0)
  push(queue, 3)
  expect(itemsOf(await queue.next(open))).toEqual([3])
})

test('who waits until the queue is empty is told when the last item was taken, dropped or refused', async () => {
  const queue = makeQueue({ batchSize: 1 })
  await queue.empty()
  push(queue, 1, 2)
  const told: string[] = []
  const waiting = queue.empty().then(() => told.push('empty'))
  await queue.next(open)
  expect(told).toEqual([])
  await queue.next(open)
  await waiting
  push(queue, 3)
  const again = queue.empty()
  queue.rejectAll(new Error('closed'))
  await again
})
