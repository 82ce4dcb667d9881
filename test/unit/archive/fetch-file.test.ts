import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { fetchArchive } from '../../../src/archive/fetch.ts'
import { fileIn, freshFolders } from '../../support/archive-fixtures.ts'
import { thrown } from '../../support/thrown.ts'

const fresh = freshFolders()

async function setUp() {
  const modelStore = await fresh()
  const shared = await fresh()
  const allowedUrls = [`${pathToFileURL(shared).href}/.*`]
  const options = { modelStore, allowedUrls, maxBytes: 200_000, timeoutMs: 30_000 }
  const urlOf = (name: string) => `${pathToFileURL(shared).href}/${name}`
  return { modelStore, shared, options, urlOf }
}

test('a file from an allowed folder is copied into the store', async () => {
  const { modelStore, shared, options, urlOf } = await setUp()
  const content = 'x'.repeat(150_000)
  await fileIn(shared, 'a.mar', content)
  await symlink('a.mar', join(shared, 'latest.mar'))
  const fetched = await fetchArchive(urlOf('a.mar'), options)
  await fetchArchive(urlOf('latest.mar').replace('file:', 'FILE:'), options)
  expect(await readFile(fetched.path, 'utf8')).toBe(content)
  expect(await readdir(modelStore)).toEqual(['a.mar', 'latest.mar'])
  await fetched.remove()
  expect(await readFile(join(shared, 'a.mar'), 'utf8')).toBe(content)
})

test('a file is refused where no pattern allows it, or the place that a link leads to', async () => {
  const { modelStore, shared, options, urlOf } = await setUp()
  const outside = await fileIn(await fresh(), 'secret.mar', 'secret')
  await symlink(outside, join(shared, 'a.mar'))
  await symlink(join(outside, '..'), join(shared, 'folder'))
  for (const allowedUrls of [[], ['https?://.*'], ['file:///nowhere/.*']]) {
    await fileIn(shared, 'b.mar', 'x')
    expect((await thrown(() => fetchArchive(urlOf('b.mar'), { ...options, allowedUrls }))).code).toBe(
      'ARCHIVE_URL',
    )
  }
  for (const name of ['a.mar', 'folder/secret.mar']) {
    expect(await thrown(() => fetchArchive(urlOf(name), options))).toMatchObject({
      message: `Given URL ${urlOf(name)} does not match any allowed URL(s)`,
      reason: 'It leads over a link to a place that no pattern of the key allowed_urls matches.',
    })
  }
  expect(await readdir(modelStore)).toEqual([])
})

test('what is no regular file, not there or too large is told as such, and nothing is left', async () => {
  const { modelStore, shared, options, urlOf } = await setUp()
  await mkdir(join(shared, 'folder.mar'))
  await promisify(execFile)('mkfifo', [join(shared, 'pipe.mar')])
  await fileIn(shared, 'large.mar', 'x'.repeat(200_001))
  await fileIn(shared, 'a.mar', 'x')
  for (const [name, reason] of [
    ['folder.mar', 'It is not a regular file.'],
    ['pipe.mar', 'It is not a regular file.'],
    ['none.mar', 'The file cannot be opened (ENOENT).'],
    ['a.mar/b.mar', 'The file cannot be opened (ENOTDIR).'],
    ['large.mar', 'It has more than 200000 bytes.'],
  ] as const) {
    const failed = await thrown(() => fetchArchive(urlOf(name), options))
    expect(failed).toMatchObject({ code: 'DOWNLOAD_FAILED', reason })
  }
  expect(await readdir(modelStore)).toEqual([])
})
