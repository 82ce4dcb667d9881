import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FencedProcess } from '../../../src/conversion/fenced-process.ts'
import { converterOptions } from '../../../src/conversion/surroundings.ts'
import { freshFolders } from '../../support/archive-fixtures.ts'

const fresh = freshFolders()

/** Runs a program of this source; the lines that it said, and its end. */
async function run(source: string) {
  const folder = await fresh()
  await writeFile(join(folder, 'talk.ts'), `import { writeSync } from 'node:fs'\n${source}`)
  const heard: unknown[] = []
  const { ended } = new FencedProcess<never>({
    program: join(folder, 'talk.ts'),
    order: {},
    readable: converterOptions(1000).readable,
    folder,
    limits: { timeLimitMs: 60_000, memoryLimitBytes: 2 ** 40 },
    take: message => {
      heard.push(message)
      return undefined
    },
  })
  return { heard, end: await ended }
}

test('a process that ends in the middle of a line has said the lines before it, and harms nobody', async () => {
  // As a process that is killed does.
  const { heard, end } = await run(`writeSync(3, '{"said":"all of it"}\\n{"said":"half o')`)
  expect(end).toMatchObject({ type: 'crashed', what: 'its process ended with code 0' })
  expect(heard).toEqual([{ said: 'all of it' }])
})

test('a process that says what is no message is ended, and harms nobody', async () => {
  const { heard, end } = await run(`writeSync(3, 'no JSON\\n'); setInterval(() => {}, 1000)`)
  expect(end).toMatchObject({ type: 'crashed', what: 'it said what is no message' })
  expect(heard).toEqual([])
})
