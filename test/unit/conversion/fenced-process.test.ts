import { expect, test } from 'vitest'
import { FencedProcess } from '../../../src/conversion/fenced-process.ts'
import { converterOptions } from '../../../src/conversion/surroundings.ts'
import { freshFolders } from '../../support/archive-fixtures.ts'
import { home } from '../../support/server.ts'

const fresh = freshFolders()

test('a process that ends in the middle of a line has said the lines before it, and harms nobody', async () => {
  const heard: unknown[] = []
  const { ended } = new FencedProcess<never>({
    program: '../../test/support/half-a-line',
    order: {},
    readable: [...converterOptions(home, 1000).readable, `${home}/test/support`],
    folder: await fresh(),
    limits: { timeLimitMs: 60_000, memoryLimitBytes: 2 ** 40 },
    take: message => {
      heard.push(message)
      return undefined
    },
  })
  expect(await ended).toMatchObject({ type: 'crashed', what: 'its process ended with code 0', detail: '' })
  expect(heard).toEqual([{ said: 'all of it' }])
})
