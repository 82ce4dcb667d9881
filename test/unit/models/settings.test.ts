import { describe, expect, test } from 'vitest'
import { effectiveSettings, type SettingsSources } from '../../../src/models/settings.ts'

const nobodySaid: SettingsSources = {
  request: {},
  archive: undefined,
  config: {},
  atStartup: true,
  defaultWorkers: 2,
  defaultResponseTimeoutMs: 60_000,
  defaultStartupTimeoutMs: 30_000,
  defaultJobQueueSize: 100,
  defaultJobQueueBytes: 1_000_000,
}

const settings = (said: Partial<SettingsSources>) => effectiveSettings({ ...nobodySaid, ...said })

test('where nobody says anything the server’s defaults hold, and nobody waits for company', () => {
  expect(settings({})).toEqual({
    minWorkers: 2,
    maxWorkers: 2,
    batchSize: 1,
    isBatchSizeGiven: false,
    areWorkersFree: false,
    maxBatchDelayMs: 0,
    jobQueueSize: 100,
    responseTimeoutMs: 60_000,
    startupTimeoutMs: 30_000,
    giveUpMs: 300_000,
    mayRetry: true,
    clientTimeoutMs: Infinity,
    maxQueueWaitMs: Infinity,
    jobQueueBytes: 1_000_000,
    preferredBatchSizes: [],
  })
})

describe('batching: the request before model-config.yaml before the models key', () => {
  const [request, archive, config] = [{ batchSize: 8 }, { batchSize: 4 }, { batchSize: 2 }]
  test.each([
    [{ request, archive, config }, 8],
    [{ archive, config }, 4],
    [{ config }, 2],
    [{ archive: {}, config }, 2],
  ])('%j', (said, batchSize) => {
    expect(settings(said)).toMatchObject({ batchSize })
  })

  test('a delay of 0 is a value', () => {
    expect(settings({ request: { maxBatchDelay: 0 }, archive: { maxBatchDelay: 100 } }).maxBatchDelayMs).toBe(
      0,
    )
  })
})

describe('time-outs: model-config.yaml where there is one, before the models key, before the request', () => {
  const [request, archive, config] = [{ responseTimeout: 8 }, { responseTimeout: 4 }, { responseTimeout: 2 }]
  test.each([
    [{ request, archive, config }, 4000],
    [{ request, config }, 2000],
    [{ request }, 8000],
    // A model-config.yaml that does not name it stands for TorchServe's own default.
    [{ request, archive: {}, config }, 120_000],
  ])('%j', (said, responseTimeoutMs) => {
    expect(settings(said)).toMatchObject({ responseTimeoutMs })
  })

  test('without limits for anybody a model has none either', () => {
    const said = { archive: { responseTimeout: 4, startupTimeout: 4 } }
    const unlimited = { defaultResponseTimeoutMs: Infinity, defaultStartupTimeoutMs: Infinity }
    expect(settings({ ...said, ...unlimited })).toMatchObject({
      responseTimeoutMs: Infinity,
      startupTimeoutMs: Infinity,
    })
  })
})

describe('workers: model-config.yaml, then the models key at start-up or the request later', () => {
  const [request, archive, config] = [{ minWorkers: 8 }, { minWorkers: 4 }, { minWorkers: 3 }]
  test.each([
    ['at start-up', { request, archive, config }, [4, 4]],
    ['at start-up', { request, config }, [3, 3]],
    ['at start-up', { request }, [2, 2]],
    ['later', { request, archive, config, atStartup: false }, [4, 4]],
    ['later', { request, config, atStartup: false }, [8, 8]],
    ['later', { config, atStartup: false }, [2, 2]],
    ['later, none', { request: { minWorkers: 0 }, atStartup: false }, [0, 0]],
    ['a range', { archive: { minWorkers: 2, maxWorkers: 5 } }, [2, 5]],
    [
      'a range the wrong way round is left out',
      { archive: { minWorkers: 5, maxWorkers: 3 }, config },
      [3, 3],
    ],
    ['a most without a least is left out', { archive: { maxWorkers: 3 } }, [2, 2]],
  ])('%s: %j', (_case, said, [minWorkers, maxWorkers]) => {
    expect(settings(said)).toMatchObject({ minWorkers, maxWorkers })
  })
})

test('queue size and patience with a lost worker come from model-config.yaml', () => {
  expect(settings({ archive: { jobQueueSize: 7, maxRetryTimeoutInSec: 0 } })).toMatchObject({
    jobQueueSize: 7,
    giveUpMs: 0,
  })
})

test('where the number of workers is to be found there is one at first', () => {
  const found = settings({ defaultWorkers: undefined })
  expect(found).toMatchObject({ minWorkers: 1, maxWorkers: 1, areWorkersFree: true })
  const given = settings({ defaultWorkers: undefined, config: { minWorkers: 3 } })
  expect(given).toMatchObject({ minWorkers: 3, areWorkersFree: false })
})

test('what is ours comes from model-config.yaml, else from the models key; 0 is no limit', () => {
  const ours = {
    retry: 'never',
    clientTimeoutInMills: 5,
    maxQueueWait: 6,
    jobQueueBytes: 7,
    preferredBatchSizes: [2],
  } as const
  const effective = {
    mayRetry: false,
    clientTimeoutMs: 5,
    maxQueueWaitMs: 6,
    jobQueueBytes: 7,
    preferredBatchSizes: [2],
  }
  expect(settings({ config: ours })).toMatchObject(effective)
  expect(settings({ archive: ours, config: { retry: 'auto', maxQueueWait: 9 } })).toMatchObject(effective)
  expect(settings({ archive: { clientTimeoutInMills: 0 }, config: ours })).toMatchObject({
    ...effective,
    clientTimeoutMs: Infinity,
  })
})
