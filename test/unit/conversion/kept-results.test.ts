import { readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { KeptResults } from '../../../src/conversion/kept-results.ts'
import { freshFolders } from '../../support/archive-fixtures.ts'

const fresh = freshFolders()

async function open(maxBytes: number) {
  const dir = await fresh()
  const workDir = await fresh()
  const words = { unwritable: 'unwritable', damaged: 'damaged' }
  const kept = new KeptResults<string>({ dir, workDir, maxBytes, record: 'r.json', words, warn: () => {} })
  const ask = (key: string, bytes = 1000) =>
    kept.findOrMake(key, async folder => {
      await writeFile(join(folder, 'file'), Buffer.alloc(bytes))
      return `report of ${key}`
    })
  const age = (key: string, seconds: number) => {
    const at = new Date(Date.now() - seconds * 1000)
    return utimes(join(dir, key), at, at)
  }
  return { dir, workDir, kept, ask, age }
}

test('who asks for the same at the same time waits for the same, and it is kept with its report', async () => {
  const { ask } = await open(10_000)
  const [one, two] = await Promise.all([ask('a'), ask('a')])
  expect(two).toBe(one)
  expect(one).toMatchObject({ report: 'report of a', isNew: true, names: ['file'] })
  expect(await ask('a')).toMatchObject({ report: 'report of a', isNew: false })
})

test('above the limit goes what was not used for longest', async () => {
  const { dir, ask, age } = await open(3500)
  for (const key of ['a', 'b', 'c']) await ask(key, 800)
  for (const [index, key] of ['a', 'b', 'c'].entries()) await age(key, 100 - index)
  await ask('a', 800) // Now b is the one.
  await ask('d', 800)
  expect((await readdir(dir)).toSorted()).toEqual(['a', 'c', 'd'])
})

test('a result that is larger than the limit is served all the same', async () => {
  const { dir, ask } = await open(100)
  await ask('a')
  expect(await ask('b')).toMatchObject({ isNew: true })
  expect(await readdir(dir)).toEqual(['b'])
})

test('what was placed for a model stays when the result is removed', async () => {
  const { kept, ask, dir } = await open(100)
  const placed = await kept.place(await ask('a'))
  await ask('b')
  expect(await readdir(dir)).toEqual(['b'])
  expect(await readFile(join(placed.dir, 'file'))).toHaveLength(1000)
  await placed.release()
})

test('what fails is not kept', async () => {
  const { kept, dir } = await open(100)
  await expect(kept.findOrMake('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await readdir(dir)).toEqual([])
})
