import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { startManaged, type Managed } from '../support/managed.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { logged } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

const says = (version: string, load = '') =>
  `import { existsSync } from 'node:fs'
  export default {
    async load() { ${load} },
    preprocess: input => input, inference: batch => batch, postprocess: () => ${JSON.stringify(version)},
  }`
/** Loads once a file is beside it. */
const waits =
  "while (!existsSync(new URL('go', import.meta.url))) await new Promise(done => setTimeout(done, 10))"

let store: ModelStore
let managed: Managed
beforeAll(async () => {
  store = await makeStore()
  await store.addHandler('m', { handler: says('one') })
  await store.addHandler('m', { handler: says('two', waits), version: '2.0' })
  await store.addHandler('m', {
    handler: says('three', "throw new Error('no weights')"),
    version: '3.0',
    config: 'minWorkers: none\nclientTimeoutInMills: -5\n',
  })
  managed = await startManaged(store)
})
afterEach(() => managed.clear())
afterAll(async () => {
  await managed.stop()
  await store.remove()
})

const setDefault = (version: string) => managed.ask('PUT', `/models/m/${version}/set-default`)
const answer = async () => (await managed.predict('m')).body

test('a version that still loads becomes the default when it can serve, and not before', async () => {
  await managed.post('url=m-1.0&initial_workers=1')
  const registered = managed.post('url=m-2.0&initial_workers=1')
  await waitFor('the second version', async () => (await managed.ask('GET', '/models/m/2.0')).status === 200)
  const changed = setDefault('2.0')
  // Asked for on a connection of its own, so that it has arrived before these answers have.
  for (let asked = 0; asked < 5; asked++) expect(await answer()).toBe('one')
  await store.addFile('m-2.0/go', '')
  expect((await registered).status).toBe(200)
  expect((await changed).status).toBe(200)
  expect(await answer()).toBe('two')
})

test('a version whose loading fails meanwhile does not become it', async () => {
  await managed.post('url=m-1.0&initial_workers=1')
  const registered = managed.post('url=m-3.0&initial_workers=1')
  await waitFor('the third version', async () => (await managed.ask('GET', '/models/m/3.0')).status === 200)
  expect((await setDefault('3.0')).status).toBe(404)
  expect((await registered).status).toBe(500)
  expect(await answer()).toBe('one')
})

test('a version without workers may be chosen, with a warning', async () => {
  await managed.post('url=m-1.0&initial_workers=1')
  await managed.post('url=m-2.0&initial_workers=0')
  expect((await setDefault('2.0')).status).toBe(200)
  await logged(managed.server, 'the warning', ({ msg, version }) => {
    return msg.startsWith('The new default version has no worker') && version === '2.0'
  })
  expect((await setDefault('9')).status).toBe(404)
})

test('settings of an archive that are ignored are told when it is registered', async () => {
  expect(await managed.post('url=m-3.0&initial_workers=0')).toMatchObject({ status: 200 })
  for (const said of ['minWorkers must be a whole number', 'clientTimeoutInMills must be a whole number']) {
    await logged(managed.server, said, ({ msg, model }) => msg.startsWith(said) && model === 'm')
  }
})
