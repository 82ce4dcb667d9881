import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findHandlerFile } from '../../../src/models/handler-file.ts'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'handlers-'))
  await mkdir(join(root, 'archive/folder.ts'), { recursive: true })
  await mkdir(join(root, 'handlers'))
  for (const file of ['archive/own.ts', 'archive/own.js', 'archive/base_handler.ts', 'secret.ts'])
    await writeFile(join(root, file), '')
  for (const file of ['base_handler.ts', 'published.js']) await writeFile(join(root, 'handlers', file), '')
})
afterAll(() => rm(root, { recursive: true }))

const find = (handler: string) =>
  findHandlerFile({ handler, archiveDir: join(root, 'archive'), handlersDir: join(root, 'handlers') })

test.each([
  ['own.ts', 'archive/own.ts'],
  ['own.js', 'archive/own.js'],
  ['own.ts:handle', 'archive/own.ts'],
  ['base_handler', 'handlers/base_handler.ts'],
  ['published', 'handlers/published.js'],
])('%s is %s', async (handler, file) => {
  expect(await find(handler)).toBe(join(root, file))
})

test.each([
  ['missing.ts', 'Handler missing.ts is not in the archive.'],
  ['folder.ts', 'Handler folder.ts is not in the archive.'],
  ['published.js', 'Handler published.js is not in the archive.'],
  ['unheard_of', 'There is no handler unheard_of: built in are '],
  ['my_handler.py', 'Handler my_handler.py is Python, which Sconce does not run.'],
  ['my_handler.py:handle', 'Handler my_handler.py is Python, which Sconce does not run.'],
  ['../secret.ts', 'Handler name "../secret.ts" is not a plain file name.'],
  ['/etc/passwd', 'Handler name "/etc/passwd" is not a plain file name.'],
  ['.hidden.ts', 'is not a plain file name.'],
  ['', 'Handler name "" is not a plain file name.'],
  ['a\nb.ts', String.raw`Handler name "a\nb.ts" is not a plain file name.`],
])('%j is refused, and what to do is said', async (handler, message) => {
  await expect(find(handler)).rejects.toThrow(message)
  await expect(find(handler)).rejects.toMatchObject({ code: 'INVALID_MODEL', http: 400 })
})
