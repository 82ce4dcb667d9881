import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Taker } from '../../../src/batching/takers.ts'
import { ask, failureOf, itemsOf, makeQueue, push } from '../../support/queue.ts'

const open = new AbortController().signal

afterEach(() => void vi.useRealTimers())

describe('a worker that is busy', () => {
  const makeTaker = (): Taker => ({ held: 0, wantsFrom: size => size })

  test('gets a further batch where it is full and the others find one, too', async () => {
    const queue = makeQueue({ batchSize: 2 })
    const taker = makeTaker()
    queue.join()
    queue.join()
    push(queue, 1, 2, 3, 4, 5)
    expect(itemsOf(await queue.next(open, taker))).toEqual([1, 2])
    expect(taker.held).toBe(1)
    const more = queue.next(open, taker)
    push(queue, 6)
    expect(itemsOf(await more)).toEqual([3, 4])
  })

  test('gets one that is not full where it wants that, but for a queue that waits for company', async () => {
    const taker: Taker = { held: 0, wantsFrom: () => taker.lastSize ?? Infinity }
    const queue = makeQueue({ batchSize: 8 })
    queue.join()
    push(queue, 1, 2)
    await queue.next(open, taker)
    const more = queue.next(open, taker)
    push(queue, 3)
    push(queue, 4)
    const ahead = await more
    expect([itemsOf(ahead), ahead.cutBy]).toEqual([[3, 4], 'ahead'])
    const patient: Taker = { held: 1, lastSize: 1, wantsFrom: () => 1 }
    const delaying = makeQueue({ batchSize: 2, maxDelayMs: 60_000 })
    delaying.join()
    const later = delaying.next(open, patient)
    push(delaying, 1)
    push(delaying, 2)
    expect(itemsOf(await later)).toEqual([1, 2])
  })

  test('leaves what comes to one that is idle', async () => {
    const queue = makeQueue({ batchSize: 1 })
    const taker = makeTaker()
    queue.join()
    push(queue, 1)
    await queue.next(open, taker)
    const stop = new AbortController()
    const more = queue.next(stop.signal, taker)
    const idle = queue.next(open, makeTaker())
    push(queue, 2)
    expect(itemsOf(await idle)).toEqual([2])
    stop.abort()
    expect(itemsOf(await more)).toEqual([])
  })
})

describe('what comes back from a worker', () => {
  test('is served before all others, each group by itself and with nothing beside it', async () => {
    const queue = makeQueue()
    push(queue, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    const { entries } = await queue.next(open)
    queue.giveBack([entries.slice(0, 2), entries.slice(2)])
    expect(queue.length).toBe(9)
    const taker: Taker = { held: 0, wantsFrom: size => size }
    const first = await queue.next(open, taker)
    expect([itemsOf(first), first.cutBy]).toEqual([[1, 2], 'retry'])
    const stop = new AbortController()
    const beside = queue.next(stop.signal, taker)
    expect(itemsOf(await queue.next(open))).toEqual([3, 4])
    stop.abort()
    expect(itemsOf(await beside)).toEqual([])
    expect(itemsOf(await queue.next(open))).toEqual([5, 6, 7, 8])
  })

  test('is dropped where nobody waits for it any more', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const queue = makeQueue()
    const late = failureOf(ask(queue, 1, { deadline: 50 + performance.now() }))
    let isGone = false
    const left = failureOf(ask(queue, 2, { isGone: () => isGone }))
    const { entries } = await queue.next(open)
    queue.giveBack([entries])
    expect(queue.length).toBe(2)
    await vi.advanceTimersByTimeAsync(50)
    expect(queue.length).toBe(1)
    isGone = true
    const stop = new AbortController()
    const pulled = queue.next(stop.signal)
    expect(await late).toMatchObject({ code: 'DEADLINE_PASSED' })
    expect(await left).toMatchObject({ code: 'CLIENT_GONE' })
    stop.abort()
    expect(itemsOf(await pulled)).toEqual([])
  })
})
