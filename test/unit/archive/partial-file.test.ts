import { spawnSync } from 'node:child_process'
import { readdir, readFile, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { claimAndRename, PartialFile, sweepPartialDownloads } from '../../../src/archive/partial-file.ts'
import { fileIn, freshFolders } from '../../support/archive-fixtures.ts'
import { thrown } from '../../support/thrown.ts'

const fresh = freshFolders()

const begin = (dir: string) => PartialFile.create({ dir, name: 'a.mar', url: 'http://x/a.mar' })

test('a partial file is hidden until it is published', async () => {
  const store = await fresh()
  const partial = await begin(store)
  await partial.write(Buffer.from('one '))
  await partial.write(Buffer.from('two'))
  const [hidden = ''] = await readdir(store)
  expect(hidden).toMatch(new RegExp(`^\\.a\\.mar\\.[0-9a-f]{8}-${process.pid}-[0-9a-f]{16}\\.part$`))
  await partial.publish()
  await partial.discard()
  expect(await readdir(store)).toEqual(['a.mar'])
  expect(await readFile(join(store, 'a.mar'), 'utf8')).toBe('one two')
})

test('a name that is taken while the file is written stays as it is', async () => {
  const store = await fresh()
  const partial = await begin(store)
  await fileIn(store, 'a.mar', 'mine')
  expect((await thrown(() => partial.publish())).message).toBe('Model file already exists a.mar')
  await partial.discard()
  expect(await readdir(store)).toEqual(['a.mar'])
  expect(await readFile(join(store, 'a.mar'), 'utf8')).toBe('mine')
})

test('without hard links a file gets its name, but never one that is taken', async () => {
  const store = await fresh()
  const target = join(store, 'a.mar')
  await claimAndRename(await fileIn(store, '.one', 'one'), target, 'a.mar')
  const second = await fileIn(store, '.two', 'two')
  expect((await thrown(() => claimAndRename(second, target, 'a.mar'))).code).toBe('FILE_EXISTS')
  await expect(claimAndRename(join(store, '.none'), join(store, 'b.mar'), 'b.mar')).rejects.toThrow('ENOENT')
  expect(await readFile(target, 'utf8')).toBe('one')
  expect(await readdir(store)).toEqual(['.two', 'a.mar'])
})

test('only what dead processes of this machine left, and what others left long ago, is swept', async () => {
  const store = await fresh()
  const running = await begin(store)
  const [own = ''] = await readdir(store)
  const { pid: dead } = spawnSync(process.execPath, ['--version'])
  const ofProcess = (pid: number, name: string) =>
    own.replace(`-${process.pid}-`, `-${pid}-`).replace('a.mar', name)
  const elsewhere = (name: string) => own.replace(/\.[\da-f]{8}-/, '.00000000-').replace('a.mar', name)
  const kept = [own, ofProcess(process.ppid, 'b.mar'), elsewhere('c.mar'), 'd.mar', '.e.mar.part', '.f.part']
  const stale = [ofProcess(dead, 'g.mar'), own.replace('a.mar', 'h.mar'), elsewhere('i.mar')]
  for (const name of [...kept.slice(1), ...stale]) await fileIn(store, name, 'x')
  const yesterday = new Date(Date.now() - 25 * 60 * 60 * 1000)
  for (const name of stale.slice(1)) await utimes(join(store, name), yesterday, yesterday)
  expect(await sweepPartialDownloads(store)).toEqual(stale.toSorted())
  expect(await readdir(store)).toEqual(kept.toSorted())
  await running.discard()
  expect(await sweepPartialDownloads(join(store, 'nowhere'))).toEqual([])
})
