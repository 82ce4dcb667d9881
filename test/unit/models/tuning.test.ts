import { expect, test } from 'vitest'
import { effectiveSettings, type SettingsSources } from '../../../src/models/settings.ts'
import { mostRows, Tuning } from '../../../src/models/tuning.ts'

const options = { usableCores: 8, fallbackWorkers: 4, isOn: true, isWarmedUp: true }
const settings = (said: Partial<SettingsSources> = {}) =>
  effectiveSettings({
    request: {},
    archive: undefined,
    config: {},
    atStartup: true,
    defaultWorkers: undefined,
    defaultResponseTimeoutMs: 1,
    defaultStartupTimeoutMs: 1,
    defaultJobQueueSize: 1,
    defaultJobQueueBytes: 1,
    ...said,
  })
const runMs = [{ size: 1, ms: 1 }]

test('the first worker measures, also when it is started again, and no other one does', () => {
  const tuning = new Tuning(options)
  expect(tuning.orderFor('a', settings()).measure).toEqual({
    mostRows: 32,
    mostThreads: 8,
    areWorkersFree: true,
  })
  expect(tuning.orderFor('b', settings()).measure).toBeUndefined()
  expect(tuning.orderFor('a', settings()).measure).toBeDefined()
  tuning.learn({ threads: 2, workers: 4, batchLimit: 8, runMs })
  expect(tuning.orderFor('a', settings())).toMatchObject({ measure: undefined, batchLimit: 8 })
})

test('what was found becomes workers and threads where nobody said a number', () => {
  const tuning = new Tuning(options)
  tuning.learn({ threads: 2, workers: 4, batchLimit: 8, runMs })
  expect(tuning.workers(settings())).toBe(4)
  expect(tuning.workers(settings({ config: { minWorkers: 2 } }))).toBeUndefined()
  expect(tuning.orderFor('b', { ...settings(), minWorkers: 4, areWorkersFree: false }).threads).toBe(2)
})

test('what cannot be measured gets the plan for all models', () => {
  const tuning = new Tuning(options)
  expect(tuning.orderFor('a', settings()).threads).toBe(2)
  tuning.learn(undefined)
  expect(tuning.workers(settings())).toBe(4)
  expect(tuning.batchLimit(settings())).toBe(1)
})

test('threads never exceed what the workers leave, whatever was found', () => {
  const tuning = new Tuning(options)
  tuning.learn({ threads: 8, workers: 1, batchLimit: 1, runMs })
  expect(tuning.orderFor('b', settings({ config: { minWorkers: 4 } })).threads).toBe(2)
})

test('a batchSize that was given bounds what is looked for; off, TorchServe’s default holds', () => {
  expect(mostRows(settings({ config: { batchSize: 6 } }), true)).toBe(6)
  expect(mostRows(settings({ config: { batchSize: 1 } }), true)).toBe(1)
  expect(mostRows(settings(), true)).toBe(32)
  expect(mostRows(settings(), false)).toBe(1)
  expect(new Tuning({ ...options, isOn: false }).orderFor('a', settings()).measure).toBeUndefined()
})
