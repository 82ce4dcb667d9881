import { afterEach, expect, test } from 'vitest'
import { Readiness } from '../../../src/inference/readiness.ts'
import type { Model } from '../../../src/models/model.ts'
import { Registry } from '../../../src/models/registry.ts'
import { makeInlineModel } from '../../support/inline-model.ts'
import { waitFor } from '../../support/wait-for.ts'

const SERVES = '{ preprocess: () => ({}), inference: batch => batch, postprocess: () => 1 }'
const LOADS_FOR_EVER = '{ load: () => new Promise(() => {}) }'
const THROWS = "{ load() { throw new Error('no vocabulary') } }"

const models: Model[] = []
afterEach(async () => {
  for (const model of models.splice(0)) await model.close()
})

/** Of models of these handlers, each with a worker that has loaded, was refused, or loads. */
async function readinessOf(handlers: Readonly<Record<string, string>>): Promise<Readiness> {
  const registry = new Registry()
  for (const [name, handler] of Object.entries(handlers)) {
    const model = await makeInlineModel({ name, handler: `export default ${handler}` })
    models.push(model)
    registry.add(model)
    model.pool.scale(1)
    const settled = handler === LOADS_FOR_EVER ? 'starting' : handler === THROWS ? 'failed' : 'ready'
    await waitFor(`${name} to be ${settled}`, () => model.pool.states()[0]?.state === settled)
  }
  return new Readiness(registry)
}

const GIVEN_UP = /^Model broken 1\.0 is failed with 0 of 1 workers ready: .*no vocabulary/

test('a model that loads is waited for, whatever the others do', async () => {
  const readiness = await readinessOf({ broken: THROWS, good: SERVES, slow: LOADS_FOR_EVER })
  expect(readiness.isReady()).toBe(false)
  expect(readiness.report()).toMatchObject({
    ready: false,
    reasons: ['Model slow 1.0 is loading with 0 of 1 workers ready'],
    warnings: [expect.stringMatching(GIVEN_UP)],
  })
})

test('a model that was given up is not waited for where another one serves', async () => {
  const readiness = await readinessOf({ broken: THROWS, good: SERVES })
  expect(readiness.report()).toMatchObject({
    ready: true,
    reasons: [],
    warnings: [expect.stringMatching(GIVEN_UP)],
  })
})

test('where every model was given up, nobody should send requests', async () => {
  const readiness = await readinessOf({ broken: THROWS })
  expect(readiness.report()).toMatchObject({
    ready: false,
    reasons: [expect.stringMatching(GIVEN_UP)],
    warnings: [],
  })
})

test('a server without models is ready for those that come', async () => {
  const readiness = await readinessOf({})
  expect(readiness.report()).toMatchObject({ ready: true, reasons: [], warnings: [], models: [] })
})
