import { writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { FencedProcess } from '../../../src/conversion/fenced-process.ts'
import { converterOptions } from '../../../src/conversion/surroundings.ts'
import { freshFolders } from '../../support/archive-fixtures.ts'
import { home } from '../../support/server.ts'

const fresh = freshFolders()

/** As a process that is killed does: it ends in the middle of what it has to say. */
const program = `import { writeSync } from 'node:fs'
writeSync(3, '{"said":"all of it"}\\n{"said":"half o')
`

test('a process that ends in the middle of a line has said the lines before it, and harms nobody', async () => {
  const folder = await fresh()
  await writeFile(join(folder, 'talk.ts'), program)
  const heard: unknown[] = []
  const { ended } = new FencedProcess<never>({
    program: relative(join(home, 'src/conversion'), join(folder, 'talk')),
    order: {},
    readable: converterOptions(home, 1000).readable,
    folder,
    limits: { timeLimitMs: 60_000, memoryLimitBytes: 2 ** 40 },
    take: message => {
      heard.push(message)
      return undefined
    },
  })
  expect(await ended).toMatchObject({ type: 'crashed', what: 'its process ended with code 0' })
  expect(heard).toEqual([{ said: 'all of it' }])
})
