import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { failure } from '../../../src/errors.ts'
import type { Registered } from '../../../src/models/register.ts'
import { restoreModels, type RestoreRequest } from '../../../src/models/restore.ts'
import type { SnapshotModel } from '../../../src/models/snapshot-model.ts'
import { freshFolders } from '../../support/archive-fixtures.ts'

const fresh = freshFolders()

const modelOf = (name: string, version: string, more: Partial<SnapshotModel> = {}): SnapshotModel => ({
  name,
  version,
  defaultVersion: true,
  marName: `${name}.mar`,
  minWorkers: 2,
  maxWorkers: 3,
  batchSize: 1,
  maxBatchDelay: 0,
  ...more,
})

/** A store with these files, and a register that notes what it is asked for. */
async function restoring(...files: string[]) {
  const modelStore = await fresh()
  for (const file of files) await writeFile(join(modelStore, file), 'an archive')
  const requests: RestoreRequest[] = []
  const register = async (request: RestoreRequest): Promise<Registered> => {
    requests.push(request)
    if (request.url === 'broken.mar') throw failure('INVALID_MODEL', 'Model name is not defined.')
    const version = request.url === 'changed.mar' ? '9.9' : request.restored.version
    // Of the model only its version is looked at.
    return { model: { version }, ready: Promise.resolve() } as unknown as Registered
  }
  const restore = (models: readonly SnapshotModel[]) => restoreModels({ models, modelStore, register })
  return { restore, requests }
}

test('the default version of a name is registered first, each with the settings of the snapshot', async () => {
  const { restore, requests } = await restoring('a.mar', 'b.mar')
  const old = modelOf('a', '1.0', { defaultVersion: false })
  const { registered, refused } = await restore([
    old,
    modelOf('a', '2.0', { handler: 'base_handler' }),
    modelOf('b', '1.0'),
  ])
  expect(requests.map(({ name, restored }) => `${name} ${restored.version}`)).toEqual([
    'a 2.0',
    'b 1.0',
    'a 1.0',
  ])
  expect(requests[0]).toMatchObject({ url: 'a.mar', handler: 'base_handler', atStartup: true })
  expect(requests[0]?.restored).toMatchObject({ minWorkers: 2, maxWorkers: 3 })
  expect(registered).toHaveLength(3)
  expect(refused).toEqual([])
})

test('an archive that is not in the store stops the start before anything is registered', async () => {
  const { restore, requests } = await restoring('a.mar')
  await expect(restore([modelOf('a', '1.0'), modelOf('gone', '2.0')])).rejects.toMatchObject({
    code: 'BAD_CONFIG',
    message: 'Model archive file for model :gone, version :2.0 not found in model store',
    reason: expect.stringContaining('--ncs'),
  })
  expect(requests).toEqual([])
})

test.each(['../a.mar', '/etc/passwd', 'http://127.0.0.1/a.mar', '.hidden'])(
  'an archive named %s is not in the store',
  async marName => {
    const { restore } = await restoring('a.mar')
    await expect(restore([modelOf('a', '1.0', { marName })])).rejects.toMatchObject({ code: 'BAD_CONFIG' })
  },
)

test('one that cannot be registered is told, and the others come back', async () => {
  const { restore } = await restoring('broken.mar', 'changed.mar', 'a.mar')
  const { registered, refused } = await restore([
    modelOf('broken', '1.0'),
    modelOf('changed', '1.0'),
    modelOf('a', '1.0'),
  ])
  expect(registered).toHaveLength(2)
  expect(refused).toEqual([
    { url: 'broken.mar', reason: 'Model name is not defined.' },
    { url: 'changed.mar', reason: expect.stringContaining('now has version 9.9') },
  ])
})
