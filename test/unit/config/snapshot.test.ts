import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadConfig, type ConfigInput } from '../../../src/config/load.ts'
import { MAX_TIMEOUT_S } from '../../../src/archive/model-config.ts'
import { parseModelTable } from '../../../src/config/model-settings.ts'
import { LONGEST_TIMER_S } from '../../../src/config/timers.ts'
import { planRestore } from '../../../src/config/restore.ts'
import { parseSnapshotModels, readNewestSnapshot } from '../../../src/config/snapshot.ts'
import { freshFolders } from '../../support/archive-fixtures.ts'

const fresh = freshFolders()

const version = {
  defaultVersion: true,
  marName: 'noop.mar',
  minWorkers: 1,
  maxWorkers: 1,
  batchSize: 1,
  maxBatchDelay: 100,
}
const snapshotOf = (name: string, more: object = {}) =>
  JSON.stringify({ models: { [name]: { '1.0': { ...version, ...more } } } })

const OLD = '20250101000000000-startup.cfg'
const NEW = '20250102000000000-snapshot.cfg'

describe('the newest snapshot', () => {
  test('is the one with the latest name, and other files are not looked at', async () => {
    const folder = await fresh()
    await writeFile(join(folder, NEW), `model_snapshot=${snapshotOf('new')}`)
    await writeFile(join(folder, OLD), `model_snapshot=${snapshotOf('old')}`)
    await writeFile(join(folder, '20990101000000000-mine.cfg'), `model_snapshot=${snapshotOf('mine')}`)
    await writeFile(join(folder, `.20990101000000000-snapshot.cfg.tmp`), 'half')
    const { snapshot, warnings } = await readNewestSnapshot(folder, 'logs/config')
    expect(snapshot).toMatchObject({ file: `logs/config/${NEW}`, models: [{ name: 'new', version: '1.0' }] })
    expect(warnings).toEqual([])
  })

  const whole = `#comment\nmodel_store=/srv\nmodel_snapshot=${snapshotOf('new')}`
  test.each([
    ['cut off in the middle of its models', whole.slice(0, -10), 'model_snapshot is not JSON'],
    ['cut off before its models', whole.slice(0, 20), 'it may have been cut off'],
    ['empty', '', 'it may have been cut off'],
    ['of zeros, as a crash leaves it', '\0'.repeat(100), 'it may have been cut off'],
    ['with a broken escape', `a=\\u12\n${whole}`, 'malformed \\uXXXX'],
    ['with a list for a model', 'model_snapshot={"models":{"a":[]}}', 'model_snapshot.models.a'],
    ['without a mandatory field', `model_snapshot=${snapshotOf('a', { marName: undefined })}`, '1.0.marName'],
  ])('is the one before it when it is %s', async (_, text, why) => {
    const folder = await fresh()
    await writeFile(join(folder, OLD), `model_snapshot=${snapshotOf('old')}`)
    await writeFile(join(folder, NEW), text)
    const { snapshot, warnings } = await readNewestSnapshot(folder)
    expect(snapshot?.models[0]?.name).toBe('old')
    expect(warnings).toEqual([expect.stringContaining(why)])
    expect(warnings[0]).toContain(NEW)
  })

  test('is none where there is no folder, and one that cannot be read is told', async () => {
    const folder = await fresh()
    expect(await readNewestSnapshot(join(folder, 'none'))).toEqual({ snapshot: undefined, warnings: [] })
    await mkdir(join(folder, NEW))
    const { snapshot, warnings } = await readNewestSnapshot(folder)
    expect(snapshot).toBeUndefined()
    expect(warnings).toEqual([expect.stringContaining('EISDIR')])
  })
})

test.each([
  ['[]', 'model_snapshot: '],
  ['{"models":{"a":{"1.0":null}}}', 'model_snapshot.models.a.1.0: '],
  [snapshotOf('a', { minWorkers: -1 }), 'minWorkers'],
  [snapshotOf('a', { minWorkers: 2 }), 'expected minWorkers or more'],
  [snapshotOf('a', { batchSize: 1.5 }), 'batchSize'],
  [snapshotOf('a', { responseTimeout: 1e300 }), 'responseTimeout'],
  [snapshotOf('a', { defaultVersion: 'true' }), 'defaultVersion'],
])('%s is not restored', (text, why) => {
  expect(parseSnapshotModels(text)).toContain(why)
})

test('a snapshot of TorchServe is read, with fields that mean nothing here', () => {
  const text = JSON.stringify({
    name: OLD,
    modelCount: 1,
    created: 1,
    models: {
      noop: { '1.11': { ...version, responseTimeout: 120, runtimeType: 'python', parallelLevel: 2 } },
    },
  })
  expect(parseSnapshotModels(text)).toEqual({
    models: [{ ...version, name: 'noop', version: '1.11', responseTimeout: 120, runtimeType: 'python' }],
    warnings: [],
  })
})

test('a version that is not as it should be is left out with a warning, and the others come back', () => {
  const models = {
    fine: { '1.0': { ...version, responseTimeout: 0, startupTimeout: 2_147_483 } },
    mixed: { '1.0': { ...version, responseTimeout: 2_147_484 }, '2.0': version },
    torn: { '1.0': null },
  }
  const parsed = parseSnapshotModels(JSON.stringify({ models }))
  expect(parsed).toMatchObject({
    models: [
      { name: 'fine', version: '1.0', responseTimeout: 0, startupTimeout: 2_147_483 },
      { name: 'mixed', version: '2.0' },
    ],
    warnings: [
      expect.stringMatching(
        /^model_snapshot\.models\.mixed\.1\.0\.responseTimeout: .*; this version is not restored$/,
      ),
      expect.stringMatching(/^model_snapshot\.models\.torn\.1\.0: /),
    ],
  })
})

test('the longest time-out is the same in a snapshot, the configuration and an archive', () => {
  expect(LONGEST_TIMER_S).toBe(MAX_TIMEOUT_S)
  const table = JSON.stringify({
    a: { '1.0': { responseTimeout: MAX_TIMEOUT_S, startupTimeout: MAX_TIMEOUT_S + 1 } },
  })
  expect(parseModelTable(table)).toMatchObject({
    settings: { a: { '1.0': { responseTimeout: MAX_TIMEOUT_S } } },
    warnings: [expect.stringContaining('a.1.0.startupTimeout')],
  })
})

describe('what comes back', () => {
  const facts = {
    snapshot: { file: `logs/config/${NEW}`, models: [{ ...version, name: 'noop', version: '1.0' }] },
    areModelsGiven: false,
    isConfigFileGiven: false,
    areSnapshotsOff: false,
  }

  test('the snapshot, and the log says which one and how to say no', () => {
    const { restore, say } = planRestore(facts)
    expect(restore).toBe(true)
    expect(say).toContain(`logs/config/${NEW}: noop 1.0`)
    expect(say).toContain('--ncs')
  })

  test('nothing over models that the start itself names, and the log says so', () => {
    const { restore, say } = planRestore({ ...facts, areModelsGiven: true })
    expect(restore).toBe(false)
    expect(say).toContain(`logs/config/${NEW} (noop 1.0) is not restored`)
    expect(say).toContain('--ncs')
  })

  test.each([{ isConfigFileGiven: true }, { areSnapshotsOff: true }, { snapshot: undefined }])(
    'nothing with %j, in silence',
    more => expect(planRestore({ ...facts, ...more })).toEqual({ restore: false, say: '' }),
  )

  test('a long list of models is cut short', () => {
    const models = Array.from({ length: 12 }, (_, i) => ({ ...version, name: `m${i}`, version: '1.0' }))
    const { say } = planRestore({ ...facts, snapshot: { file: 'f', models } })
    expect(say).toContain('m9 1.0, and 2 more')
  })
})

/** A folder with a model store and a snapshot in logs/config. */
async function started(text = `job_queue_size=7\nmodel_store=store\nmodel_snapshot=${snapshotOf('noop')}\n`) {
  const cwd = await fresh()
  await mkdir(join(cwd, 'store'))
  await mkdir(join(cwd, 'logs/config'), { recursive: true })
  await writeFile(join(cwd, 'logs/config', NEW), text)
  const load = (argv: string[] = [], env: ConfigInput['env'] = {}) => loadConfig({ argv, env, cwd })
  return { cwd, load }
}

describe('the configuration', () => {
  test('has the snapshot’s models and settings when nothing else is said, and says so', async () => {
    const { load } = await started()
    const { config, warnings, sources } = await load()
    expect(config.models.snapshot).toMatchObject([{ name: 'noop', marName: 'noop.mar' }])
    expect(config.workers.queueSize).toBe(7)
    expect(sources['job_queue_size']).toBe(`logs/config/${NEW} line 1`)
    expect(warnings).toEqual([expect.stringContaining(`Restoring the snapshot logs/config/${NEW}`)])
  })

  test('lacks a version of the snapshot that is broken, and says so once', async () => {
    const models = { noop: { '1.0': version, '2.0': { ...version, batchSize: 0 } } }
    const { load } = await started(`model_store=store\nmodel_snapshot=${JSON.stringify({ models })}\n`)
    const { config, warnings } = await load()
    expect(config.models.snapshot).toMatchObject([{ name: 'noop', version: '1.0' }])
    expect(warnings.filter(warning => warning.includes('noop.2.0.batchSize'))).toHaveLength(1)
  })

  test('takes variables, flags and ./config.properties before the snapshot', async () => {
    const { cwd, load } = await started()
    expect((await load(['--job-queue-size', '9'])).config.workers.queueSize).toBe(9)
    await writeFile(join(cwd, 'config.properties'), 'job_queue_size=8\nload_models=all')
    const { config } = await load()
    expect(config.workers.queueSize).toBe(8)
    expect(config.models.snapshot).toHaveLength(1)
  })

  const store = ['--model-store', 'store']
  test.each<[string, string[], ConfigInput['env']]>([
    ['--ncs', [...store, '--ncs'], {}],
    ['--no-config-snapshots', [...store, '--no-config-snapshots'], {}],
    ['--models', [...store, '--models', 'all'], {}],
    ['TS_LOAD_MODELS', store, { TS_LOAD_MODELS: 'all' }],
    ['another LOG_LOCATION', store, { LOG_LOCATION: 'elsewhere' }],
  ])('has nothing of it with %s', async (_, argv, env) => {
    const { load } = await started()
    const { config } = await load(argv, env)
    expect(config.models.snapshot).toBeUndefined()
    expect(config.workers.queueSize).toBe(100)
  })

  test('has nothing of it with a file that is asked for, unless it is a snapshot itself', async () => {
    const { cwd, load } = await started()
    await writeFile(join(cwd, 'mine.properties'), 'model_store=store')
    expect((await load(['--ts-config', 'mine.properties'])).config.models.snapshot).toBeUndefined()
    const named = ['--ts-config', `logs/config/${NEW}`]
    expect((await load(named)).config.models.snapshot).toHaveLength(1)
    const { config, warnings } = await load([...named, '--models', 'all'])
    expect(config.models.snapshot).toBeUndefined()
    expect(warnings).toEqual([expect.stringContaining('is not restored, as this start names its models')])
  })

  test('a key of another version in a snapshot is told and stops nothing', async () => {
    const { load } = await started(`from_the_future=1\nmodel_snapshot=${snapshotOf('noop')}\n`)
    const { config, warnings } = await load(store)
    expect(config.models.snapshot).toHaveLength(1)
    expect(warnings.join('\n')).toContain('Unknown key from_the_future')
  })

  test('a broken model_snapshot in a file that is asked for stops the start', async () => {
    const { cwd, load } = await started()
    await writeFile(join(cwd, 'mine.properties'), 'model_store=store\nmodel_snapshot={"models":')
    await expect(load(['--ts-config', 'mine.properties'])).rejects.toMatchObject({
      code: 'BAD_CONFIG',
      message: expect.stringContaining('model_snapshot is not JSON'),
    })
  })

  test('says where snapshots go and what is in them: what was given, paths absolute, no secrets', async () => {
    const { cwd, load } = await started()
    const flags = [
      ...store,
      '--models',
      'all',
      '--otlp-endpoint',
      'http://me:hidden@otel:4318',
      '--log-level',
      'debug',
    ]
    const { snapshots } = await load(flags, { TS_JOB_QUEUE_SIZE: '5', LOG_LOCATION: 'mine' })
    expect(snapshots).toEqual({
      folder: join(cwd, 'mine/config'),
      config: {
        model_store: join(cwd, 'store'),
        load_models: 'all',
        log_level: 'debug',
        job_queue_size: '5',
      },
    })
    await writeFile(join(cwd, 'config.properties'), 'keystore_pass=changeit')
    expect((await load(store)).snapshots?.config).not.toHaveProperty('keystore_pass')
    expect((await load([...store, '--ncs'])).snapshots).toBeUndefined()
    expect((await load(['--stop'])).snapshots).toBeUndefined()
  })
})
