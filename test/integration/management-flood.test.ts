/** Two hundred requests on one name at once: whatever comes of it, it is explained and leaves nothing loose. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startManaged, type Managed } from '../support/managed.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { freshTmpdir } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

const STEPS = 200

let tmp: Awaited<ReturnType<typeof freshTmpdir>>
let store: ModelStore
let managed: Managed

beforeAll(async () => {
  tmp = await freshTmpdir()
  store = await makeStore()
  await store.addDigits('')
  managed = await startManaged(store)
})
afterAll(async () => {
  await managed.stop()
  await store.remove()
  await tmp.remove()
})

/** The step of a number: always the same one. */
function step(number: number): [method: string, path: string] {
  const workers = number % 3
  const isAwaited = number % 5 < 2
  switch (number % 4) {
    case 0:
      return ['POST', `/models?url=digits.mar&initial_workers=${workers}&synchronous=${isAwaited}`]
    case 1:
      return ['PUT', `/models/digits?min_worker=${workers}&synchronous=${isAwaited}`]
    case 2:
      return ['DELETE', '/models/digits']
    default:
      return ['PUT', `/models/digits/1.0?min_worker=${workers}&max_worker=2&synchronous=${isAwaited}`]
  }
}

test('a flood on one name ends in a state that its description explains', async () => {
  const said = await Promise.all(Array.from({ length: STEPS }, (_, number) => managed.ask(...step(number))))
  // 500: a registration or scaling whose model was unregistered under it.
  expect(said.filter(({ status }) => ![200, 202, 404, 409, 500].includes(status))).toEqual([])
  for (const { body } of said.filter(({ status }) => status === 500)) {
    expect(body).toMatchObject({ message: expect.stringMatching(/^Failed to start workers/) as string })
  }
  const { registry } = managed.server.server
  const models = registry.all()
  expect(models.length).toBeLessThanOrEqual(1)
  // What nobody waited for comes to its end.
  const holdings = await waitFor('processes and folders as described', async () => {
    const { workers, unpacked } = await managed.holdings()
    const described = models.length === 0 ? [] : (await managed.describe('digits')).workers
    const isSettled = described.every(({ state }) => state === 'ready')
    return isSettled && workers === described.length && unpacked === models.length && { workers, unpacked }
  })
  expect(holdings.unpacked).toBe(models.length)
  await managed.clear()
  expect(await managed.holdings()).toMatchObject({ models: [], workers: 0, unpacked: 0 })
})

test('steps in a row end where the last one leads', async () => {
  for (let number = 0; number < 40; number++) await managed.ask(...step(number))
  await managed.clear()
  expect(await managed.post('url=digits.mar&initial_workers=1')).toMatchObject({ status: 200 })
  expect(await managed.holdings()).toMatchObject({ models: ['digits 1.0'], workers: 1, unpacked: 1 })
})
