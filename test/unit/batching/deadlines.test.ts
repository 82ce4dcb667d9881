import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Deadlines } from '../../../src/batching/deadlines.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

function make() {
  const due: number[] = []
  const deadlines = new Deadlines<{ deadline: number; heapIndex: number }>(({ deadline }) =>
    due.push(deadline),
  )
  return { due, deadlines, item: (deadline: number) => ({ deadline, heapIndex: -1 }) }
}

test('items are due in the order of their deadlines, whatever the order in which they came', () => {
  const { due, deadlines, item } = make()
  const times = Array.from({ length: 200 }, (_, index) => ((index * 7919) % 200) + 1)
  for (const time of times) deadlines.add(item(performance.now() + time))
  vi.advanceTimersByTime(100)
  expect(due).toHaveLength(100)
  vi.advanceTimersByTime(100)
  expect(due).toHaveLength(200)
  expect(due).toEqual(due.toSorted((a, b) => a - b))
  expect([deadlines.size, vi.getTimerCount()]).toEqual([0, 0])
})

test('what was removed is not due, wherever it stood', () => {
  const { due, deadlines, item } = make()
  const now = performance.now()
  const items = Array.from({ length: 100 }, (_, index) => item(now + 1 + ((index * 31) % 100)))
  for (const each of items) deadlines.add(each)
  const removed = items.filter((_each, index) => index % 3 === 0)
  for (const each of removed) {
    deadlines.remove(each)
    deadlines.remove(each)
  }
  vi.advanceTimersByTime(100)
  const left = items.filter((_each, index) => index % 3 !== 0).map(({ deadline }) => deadline)
  expect(due).toEqual(left.toSorted((a, b) => a - b))
})

test('an earlier one moves the timer, and there is only one', () => {
  const { due, deadlines, item } = make()
  for (const ms of [1000, 500, 700, Infinity, 20]) deadlines.add(item(performance.now() + ms))
  expect([deadlines.size, vi.getTimerCount()]).toEqual([4, 1])
  vi.advanceTimersByTime(20)
  expect([due.length, vi.getTimerCount()]).toEqual([1, 1])
})
