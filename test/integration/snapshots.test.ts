/** A server that is stopped and started again serves what it served before. */
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { startServer, type Server } from '../../src/server.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { onFreePorts } from '../support/server.ts'

let store: ModelStore
const running: Server[] = []
beforeEach(async () => {
  store = await makeStore()
  await store.addDigits(undefined, '2.0')
  await store.addDigits()
})
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop()
  await store.remove()
})

/** Starts a server in the store's folder, as `sconce start` does; `said` are its warnings. */
async function start(...flags: string[]) {
  const argv = ['--model-store', '.', '--enable-model-api', ...onFreePorts, ...flags]
  const { config, warnings, snapshots } = await loadConfig({
    argv,
    env: {},
    cwd: store.dir,
  })
  const stream = {
    write: (_text: string, written?: () => void) => written?.(),
  }
  const logger = createLogger({ format: 'json', level: 'silent', stream })
  const server = await startServer({
    config,
    logger,
    version: '0.1.0',
    env: process.env,
    snapshots,
  })
  running.push(server)
  await server.settled
  const { management } = server.addresses
  const ask = async (method: string, path: string) => {
    const response = await fetch(`${management}${path}`, { method })
    return {
      status: response.status,
      body: (await response.json()) as Described[],
    }
  }
  const describeAll = async (model: string) => (await ask('GET', `/models/${model}/all`)).body
  const stop = async () => {
    running.splice(running.indexOf(server), 1)
    await server.stop()
  }
  return { ask, describeAll, stop, server, said: warnings.join('\n') }
}

interface Described {
  readonly modelVersion: string
  readonly minWorkers: number
  readonly maxWorkers: number
  readonly batchSize: number
  readonly workers: readonly unknown[]
}

const snapshotsOf = async () => (await readdir(join(store.dir, 'logs/config'))).toSorted()

test('models, versions, the default and settings come back', async () => {
  const first = await start('--models', 'digits.mar')
  await first.ask('POST', '/models?url=digits-2.0.mar&batch_size=3&initial_workers=1')
  await first.ask('PUT', '/models/digits/2.0?min_worker=2&max_worker=4&synchronous=true')
  await first.ask('PUT', '/models/digits/2.0/set-default')
  await first.stop()
  const names = (await snapshotsOf()).map(name => name.slice(18))
  expect(names[0]).toBe('startup.cfg')
  expect(names.at(-1)).toBe('shutdown.cfg')

  const second = await start()
  expect(second.said).toContain('Restoring the snapshot logs/config/')
  expect(second.said).toContain('--ncs')
  const [now] = (await second.ask('GET', '/models/digits')).body
  expect(now?.modelVersion).toBe('2.0')
  const found = await second.describeAll('digits')
  expect(found).toHaveLength(2)
  const scaled = found.find(({ modelVersion }) => modelVersion === '2.0')
  expect(scaled).toMatchObject({ minWorkers: 2, maxWorkers: 4, batchSize: 3 })
  expect(scaled?.workers).toHaveLength(2)
})

test('a server that is killed comes back with its last state, whatever else lies in the folder', async () => {
  const first = await start('--models', 'digits.mar')
  await first.ask('PUT', '/models/digits?min_worker=2&synchronous=true')
  await first.stop()
  const newest = (await snapshotsOf()).at(-1) ?? ''
  // Cut off in the middle, as a full disk or a lost power may leave it.
  await writeFile(
    join(store.dir, 'logs/config', `99${newest.slice(2)}`),
    'model_store=.\nmodel_snapshot={"mod',
  )
  const second = await start()
  expect(second.said).toContain(`99${newest.slice(2)} is not used`)
  expect((await second.describeAll('digits'))[0]).toMatchObject({
    minWorkers: 2,
  })
})

test('models on the command line win over the snapshot, and --ncs has none', async () => {
  const first = await start('--models', 'digits.mar')
  await first.stop()
  const second = await start('--models', 'digits-2.0.mar')
  expect(second.said).toContain('is not restored, as this start names its models')
  expect((await second.describeAll('digits')).map(({ modelVersion }) => modelVersion)).toEqual(['2.0'])
  await second.stop()
  const count = (await snapshotsOf()).length
  const third = await start('--ncs')
  expect(third.server.registry.all()).toEqual([])
  await third.stop()
  expect(await snapshotsOf()).toHaveLength(count)
})

test('an archive that is gone stops the start, and the snapshots stay as they are', async () => {
  const first = await start('--models', 'digits.mar')
  await first.stop()
  const before = await snapshotsOf()
  await rm(join(store.dir, 'digits.mar'))
  await expect(start()).rejects.toMatchObject({
    message: 'Model archive file for model :digits, version :1.0 not found in model store',
    reason: expect.stringContaining('--ncs'),
  })
  expect(await snapshotsOf()).toEqual(before)
})

test('a handler that was asked for comes back with its model', async () => {
  const first = await start('--models', 'none.mar')
  const registered = await first.ask('POST', '/models?url=digits.mar&handler=base_handler&initial_workers=1')
  expect(registered.status).toBe(200)
  await first.stop()
  const second = await start()
  expect(second.server.registry.all()[0]).toMatchObject({
    name: 'digits',
    handler: 'base_handler',
  })
})
