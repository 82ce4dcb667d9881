import { appendFile, copyFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ImportCache } from '../../../src/conversion/cache.ts'
import { converterOptions } from '../../../src/conversion/surroundings.ts'
import { parseInputFlag } from '../../../src/importer/inputs.ts'
import { freshFolders } from '../../support/archive-fixtures.ts'
import { thrown } from '../../support/thrown.ts'
import { fixture } from '../../support/torchscript-cases.ts'

const fresh = freshFolders()

test('a file that changes while it is imported is not kept under what it was', async () => {
  const [dir, workDir, folder] = [await fresh(), await fresh(), await fresh()]
  const converter = converterOptions(60_000)
  const cache = new ImportCache({ dir, workDir, converter, maxBytes: 2 ** 30, warn: () => {} })
  const file = join(folder, 'model.pt')
  await copyFile(fixture('digits/digits.pt'), file)
  let change: Promise<void> | undefined
  const observer = {
    onStage: () => {
      change ??= appendFile(file, 'more')
    },
    onDone: () => {},
  }
  const inputs = [parseInputFlag('image=float32[batch,1,8,8]')]
  const failure = await thrown(() => cache.open(file, inputs, observer))
  expect(failure.code).toMatch(/^IMPORT_/)
  expect(await readdir(dir)).toEqual([])
  expect(await readdir(workDir)).toEqual([])
})
