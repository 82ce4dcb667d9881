import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { KeptResults } from '../../../src/conversion/kept-results.ts'
import { freshFolders } from '../../support/archive-fixtures.ts'

const fresh = freshFolders()

async function open(maxBytes: number) {
  const dir = await fresh()
  const workDir = await fresh()
  const words = { unwritable: 'unwritable', damaged: 'damaged' }
  const options = { dir, workDir, maxBytes, record: 'r.json', words, warn: () => {} }
  const kept = new KeptResults<string>(options)
  const ask = (key: string, bytes = 1000) =>
    kept.findOrMake(key, async folder => {
      await writeFile(join(folder, 'file'), Buffer.alloc(bytes))
      return `report of ${key}`
    })
  const age = (key: string, seconds: number) => {
    const at = new Date(Date.now() - seconds * 1000)
    return utimes(join(dir, key), at, at)
  }
  return { dir, workDir, options, kept, ask, age }
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

test('a folder that was cleared away is made again', async () => {
  const { ask, dir } = await open(10_000)
  await ask('a')
  await rm(dir, { recursive: true })
  expect(await ask('b')).toMatchObject({ isNew: true })
  expect(await readdir(dir)).toEqual(['b'])
})

test('what fails is not kept', async () => {
  const { kept, dir } = await open(100)
  await expect(kept.findOrMake('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await readdir(dir)).toEqual([])
})

/** Another server removes the first result in the moment before it is placed, which no test can wait for. */
class Robbed extends KeptResults<string> {
  #isRobbed = false

  override async place(result: Parameters<KeptResults<string>['place']>[0]) {
    if (!this.#isRobbed) await rm(result.dir, { recursive: true })
    this.#isRobbed = true
    return super.place(result)
  }
}

test('a result that another server removes before it is placed is made again', async () => {
  const { dir, workDir, options } = await open(10_000)
  const made: string[] = []
  const { placed } = await new Robbed(options).take('a', async folder => {
    made.push(folder)
    await writeFile(join(folder, 'file'), 'content')
    return 'report'
  })
  expect(await readFile(join(placed.dir, 'file'), 'utf8')).toBe('content')
  expect(made).toHaveLength(2)
  expect(await readdir(dir)).toEqual(['a'])
  expect(await readdir(workDir)).toHaveLength(1)
})

test('a folder without a record gives way to the result, and one with a record stays', async () => {
  const { dir, ask } = await open(10_000)
  await mkdir(join(dir, 'a'))
  await writeFile(join(dir, 'a', 'left over'), '')
  expect(await ask('a')).toMatchObject({ isNew: true })
  expect((await readdir(join(dir, 'a'))).toSorted()).toEqual(['file', 'r.json'])
  expect(await readdir(dir)).toEqual(['a'])
})
