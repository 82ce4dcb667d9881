import { readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseProperties } from '../../../src/config/properties.ts'
import { readNewestSnapshot } from '../../../src/config/snapshot.ts'
import { SnapshotStore } from '../../../src/models/snapshot.ts'
import { restoredSettings, type SnapshotModel } from '../../../src/models/snapshot-model.ts'
import { readStamp, snapshotName, toStamp } from '../../../src/models/snapshot-text.ts'
import { freshFolders } from '../../support/archive-fixtures.ts'

const fresh = freshFolders()

function modelOf(name: string, more: Partial<SnapshotModel> = {}): SnapshotModel {
  return {
    name,
    version: '1.0',
    defaultVersion: true,
    marName: `${name}.mar`,
    minWorkers: 1,
    maxWorkers: 2,
    batchSize: 4,
    maxBatchDelay: 0,
    responseTimeout: 120,
    startupTimeout: 60,
    runtimeType: 'python',
    ...more,
  }
}

/** A store whose clock stands still unless it is moved, and what it complained about. */
async function storeIn(folder: string, keep?: number) {
  const clock = { now: new Date('2025-03-04T05:06:07.089Z') }
  const warnings: string[] = []
  const store = new SnapshotStore({
    folder,
    ...(keep === undefined ? {} : { keep }),
    now: () => clock.now,
    warn: (message, { err }) =>
      warnings.push(err instanceof Error && 'code' in err ? `${message}: ${String(err.code)}` : message),
  })
  return { store, clock, warnings }
}

const modelsIn = async (folder: string) => (await readNewestSnapshot(folder)).snapshot?.models

test('what is written is read back, settings and models, whatever the texts hold', async () => {
  const folder = join(await fresh(), 'logs/config')
  const { store, warnings } = await storeIn(folder)
  const config = { cors_allowed_origin: ' a=b: c\\d "é" \u{1f600}\t\n!', model_store: '/srv/models' }
  const models = [
    modelOf('digits'),
    modelOf('digits', { version: 'zwei "2" é\\', defaultVersion: false, marName: 'digits 2.mar' }),
    modelOf('idle', {
      minWorkers: 0,
      maxWorkers: 0,
      responseTimeout: undefined,
      handler: 'image_classifier',
    }),
  ]
  await store.write('startup', { config, models })
  const { snapshot } = await readNewestSnapshot(folder)
  expect(snapshot?.models).toEqual(JSON.parse(JSON.stringify(models)))
  const { entries } = parseProperties(snapshot?.text ?? '', 'snapshot')
  expect(entries.get('cors_allowed_origin')?.value).toBe(config.cors_allowed_origin)
  expect(entries.get('model_store')?.value).toBe('/srv/models')
  expect(snapshot?.text).toMatch(/^[\n -~]*$/)
  expect(warnings).toEqual([])
})

test('the file has TorchServe’s name and fields, and only its owner can read it', async () => {
  const folder = await fresh()
  const { store, clock } = await storeIn(folder)
  await store.write('snapshot', { config: {}, models: [modelOf('noop')] })
  const [name = ''] = await readdir(folder)
  expect(name).toBe(snapshotName(toStamp(clock.now), 'snapshot'))
  expect(name).toMatch(/^\d{17}-snapshot\.cfg$/)
  const local = clock.now
  expect(name.slice(8, 10)).toBe(String(local.getHours()).padStart(2, '0'))
  const { entries } = parseProperties(await readFile(join(folder, name), 'utf8'), name)
  expect(JSON.parse(entries.get('model_snapshot')?.value ?? '')).toEqual({
    name,
    modelCount: 1,
    created: clock.now.getTime(),
    models: {
      noop: {
        '1.0': {
          defaultVersion: true,
          marName: 'noop.mar',
          minWorkers: 1,
          maxWorkers: 2,
          batchSize: 4,
          maxBatchDelay: 0,
          responseTimeout: 120,
          startupTimeout: 60,
          runtimeType: 'python',
        },
      },
    },
  })
  expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600)
})

test('of many writes at once the last state is the newest file, and not each one is written', async () => {
  const folder = await fresh()
  const { store } = await storeIn(folder, 1000)
  const writes = Array.from({ length: 200 }, (_, index) =>
    store.write('snapshot', { config: {}, models: [modelOf(`m${index}`)] }),
  )
  await Promise.all(writes)
  expect((await modelsIn(folder))?.map(({ name }) => name)).toEqual(['m199'])
  expect((await readdir(folder)).length).toBeLessThan(10)
})

test('a write that comes when another ends is written too', async () => {
  const folder = await fresh()
  const { store } = await storeIn(folder)
  await store.write('startup', { config: {}, models: [] })
  const first = store.write('snapshot', { config: {}, models: [modelOf('a')] })
  await first.then(() => store.write('shutdown', { config: {}, models: [modelOf('b')] }))
  expect((await modelsIn(folder))?.map(({ name }) => name)).toEqual(['b'])
  expect((await readdir(folder)).map(name => name.slice(18)).toSorted()).toEqual([
    'shutdown.cfg',
    'snapshot.cfg',
    'startup.cfg',
  ])
})

test('the newest name is the last state, also when the clock stands still or was put back', async () => {
  const folder = await fresh()
  const { store, clock } = await storeIn(folder)
  for (const name of ['a', 'b', 'c']) {
    await store.write('snapshot', { config: {}, models: [modelOf(name)] })
    clock.now = new Date(clock.now.getTime() - 3_600_000)
  }
  expect((await modelsIn(folder))?.map(({ name }) => name)).toEqual(['c'])
  expect(await readdir(folder)).toHaveLength(3)
})

test('the oldest snapshots go, other files and the drafts of others stay', async () => {
  const folder = await fresh()
  const others = ['notes.txt', '20250101000000000-mine.cfg', '.20250304050500000-snapshot.cfg.tmp']
  for (const name of others) await writeFile(join(folder, name), '')
  await writeFile(join(folder, '.20240101000000000-snapshot.cfg.tmp'), 'left behind long ago')
  const { store, clock } = await storeIn(folder, 3)
  const local = (hours: number) =>
    new Date(Date.UTC(2025, 2, 4, 5 + hours, 6, 7) + clock.now.getTimezoneOffset() * 60_000)
  clock.now = local(0)
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    await store.write('snapshot', { config: {}, models: [modelOf(name)] })
  }
  const names = await readdir(folder)
  expect(names.filter(name => name.endsWith('-snapshot.cfg'))).toHaveLength(3)
  expect(names).toEqual(expect.arrayContaining(others))
  expect(names).not.toContain('.20240101000000000-snapshot.cfg.tmp')
})

test('a full disk is told, leaves the snapshot before it and nothing half-written', async () => {
  const folder = await fresh()
  const { store, clock, warnings } = await storeIn(folder, 1)
  await store.write('startup', { config: {}, models: [modelOf('kept')] })
  clock.now = new Date(clock.now.getTime() + 1000)
  // What is written to this device fails with ENOSPC.
  await symlink('/dev/full', join(folder, `.${snapshotName(toStamp(clock.now), 'snapshot')}.tmp`))
  await store.write('snapshot', { config: {}, models: [modelOf('lost')] })
  expect(warnings).toEqual(['A snapshot could not be written; the one before it stays: ENOSPC'])
  expect(await readdir(folder)).toEqual([expect.stringContaining('-startup.cfg')])
  expect((await modelsIn(folder))?.map(({ name }) => name)).toEqual(['kept'])
  await store.write('snapshot', { config: {}, models: [modelOf('later')] })
  expect((await modelsIn(folder))?.map(({ name }) => name)).toEqual(['later'])
})

test('a folder that cannot be made is told and stops nothing', async () => {
  const folder = await fresh()
  await writeFile(join(folder, 'logs'), 'a file')
  const { store, warnings } = await storeIn(join(folder, 'logs/config'))
  await store.write('startup', { config: {}, models: [] })
  expect(warnings).toHaveLength(1)
})

test.each([
  '20250304050607089-startup.cfg',
  '20241231235959999-shutdown.cfg',
  '20240229000000000-snapshot.cfg',
])('%s is read and made again', name => {
  const kind = /-(startup|snapshot|shutdown)/.exec(name)?.[1]
  const stamp = readStamp(name) ?? 0
  expect(snapshotName(stamp, kind === 'startup' || kind === 'shutdown' ? kind : 'snapshot')).toBe(name)
})

test.each([
  'config.cfg',
  '2025-snapshot.cfg',
  '20250304050607089-snapshot.cfg.tmp',
  'x20250304050607089-startup.cfg',
])('%s is no snapshot’s name', name => expect(readStamp(name)).toBeUndefined())

test('what a snapshot says wins over every other source, except a debugger’s lack of limits', () => {
  const settings = {
    minWorkers: 1,
    maxWorkers: 1,
    batchSize: 1,
    isBatchSizeGiven: true,
    areWorkersFree: false,
    maxBatchDelayMs: 5,
    jobQueueSize: 100,
    responseTimeoutMs: 1000,
    startupTimeoutMs: 1000,
    giveUpMs: 1000,
    mayRetry: true,
    clientTimeoutMs: Infinity,
    maxQueueWaitMs: Infinity,
    jobQueueBytes: 1000,
    preferredBatchSizes: [],
  }
  expect(restoredSettings(settings, modelOf('m', { minWorkers: 0, maxBatchDelay: 7 }))).toEqual({
    ...settings,
    minWorkers: 0,
    maxWorkers: 2,
    batchSize: 4,
    isBatchSizeGiven: true,
    areWorkersFree: false,
    maxBatchDelayMs: 7,
    responseTimeoutMs: 120_000,
    startupTimeoutMs: 60_000,
  })
  const debugged = { ...settings, responseTimeoutMs: Infinity }
  expect(restoredSettings(debugged, modelOf('m')).responseTimeoutMs).toBe(Infinity)
})
