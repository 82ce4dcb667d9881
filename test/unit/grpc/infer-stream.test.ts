import { expect, test } from 'vitest'
import { inOrder } from '../../../src/grpc/infer-stream.ts'

async function* from<T>(...all: readonly T[]): AsyncGenerator<T> {
  for (const one of all) yield await Promise.resolve(one)
}

async function collect<T>(all: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const one of all) found.push(one)
  return found
}

test('answers come in the order of the requests, whichever is ready first', async () => {
  const first = Promise.withResolvers<string>()
  const work = (one: string) => {
    if (one === 'c') first.resolve('late a')
    return one === 'a' ? first.promise : Promise.resolve(one)
  }
  expect(await collect(inOrder(from('a', 'b', 'c', 'd'), work, 3))).toEqual(['late a', 'b', 'c', 'd'])
})

test('no more are worked on at once than the window has', async () => {
  let now = 0
  let most = 0
  const work = async (one: number) => {
    most = Math.max(most, ++now)
    await new Promise(setImmediate)
    now--
    return one
  }
  const all = Array.from({ length: 50 }, (_, index) => index)
  expect(await collect(inOrder(from(...all), work, 4))).toEqual(all)
  expect(most).toBe(4)
})

test('a request that cannot be read ends it behind the answers to those before', async () => {
  async function* broken(): AsyncGenerator<number> {
    yield 1
    yield 2
    throw new Error('cut off')
  }
  const found: number[] = []
  const reading = async () => {
    for await (const done of inOrder(broken(), one => Promise.resolve(one), 8)) found.push(done)
  }
  await expect(reading()).rejects.toThrow('cut off')
  expect(found).toEqual([1, 2])
})

test('one that fails ends it, and those behind it are told to nobody', async () => {
  const work = (one: number) => (one === 2 ? Promise.reject(new Error('two')) : Promise.resolve(one))
  await expect(collect(inOrder(from(1, 2, 3, 2), work, 8))).rejects.toThrow('two')
})
