import { afterEach, beforeEach, expect, test } from 'vitest'
import { ModelTelemetry } from '../../../src/inference/model-telemetry.ts'
import { Predictor, type Call } from '../../../src/inference/predictor.ts'
import type { Model } from '../../../src/models/model.ts'
import { Registry } from '../../../src/models/registry.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { startTracing } from '../../../src/telemetry/tracing.ts'
import { makeInlineModel } from '../../support/inline-model.ts'
import { itemOf } from '../../support/load-order.ts'

const HANDLER = `
  const named = (name, message, more) => Object.assign(new Error(message), { name, ...more })
  export default {
    preprocess({ data }) {
      if (data === 'bad') throw named('InvalidInput', 'Expected good, got bad')
      if (data === 'teapot') throw named('PredictionError', 'I am a teapot', { status: 418 })
      return { text: data }
    },
    async inference(batch) {
      if (batch[0].text === 'throw') throw new Error('beside the model')
      // A model that takes its time; no test waits by the clock.
      if (batch[0].text === 'slow') await new Promise(resolve => setTimeout(resolve, 100))
      return batch
    },
    postprocess: ({ text }) => text,
  }`

let log: string
let metrics: Metrics
let model: Model
let predictor: Predictor

beforeEach(async () => {
  log = ''
  const stream = { write: (text: string, written?: () => void) => ((log += text), written?.()) }
  const logger = createLogger({ format: 'json', level: 'debug', stream })
  metrics = new Metrics({ hostname: 'here', version: '0.1.0', mode: 'prometheus' })
  const telemetry = new ModelTelemetry(metrics, logger)
  const tracing = await startTracing({
    exporter: 'none',
    sampleRatio: () => 1,
    serviceName: 'sconce',
    version: '0.1.0',
    logger,
  })
  const registry = new Registry()
  model = await makeInlineModel({ name: 'm', handler: HANDLER, observer: telemetry.observe('m', '1.0') })
  registry.add(model)
  predictor = new Predictor({ registry, telemetry, tracing, logger })
})
afterEach(() => model.close())

const call = (text: string, more: Partial<Call> = {}): Call => ({
  model: 'm',
  version: undefined,
  verb: 'predict',
  item: itemOf(text),
  isGone: () => false,
  ...more,
})

const sampled = async (pattern: RegExp) => (await metrics.render()).text.match(pattern)?.[0]

test('an answer comes back as bytes with its status, and is counted', async () => {
  await model.pool.scale(1).ready
  const { body, status, contentType } = await predictor.predict(call('good'))
  expect([Buffer.from(body).toString(), status, contentType]).toEqual(['good', 200, ''])
  expect(await sampled(/^sconce_inference_duration_seconds_count.*$/m)).toMatch(/ 1\.0$/)
})

test.each([
  ['bad', { code: 'BAD_REQUEST', http: 400, message: 'Expected good, got bad' }, '"level":20'],
  ['teapot', { code: 'HANDLER_STATUS', http: 418, message: 'I am a teapot' }, '"level":20'],
  ['throw', { code: 'PREDICTION_FAILED', http: 503, message: 'Prediction failed' }, '"level":40'],
])('what failed beside the model is a failure of the table: %s', async (text, failed, level) => {
  await model.pool.scale(1).ready
  await expect(predictor.predict(call(text))).rejects.toMatchObject(failed)
  expect(await sampled(new RegExp(`^sconce_inference_failures_total.*"${failed.code}".*$`, 'm'))).toMatch(
    / 1\.0$/,
  )
  expect(await sampled(/^sconce_inference_duration_seconds_count.* [1-9].*$/m)).toBeUndefined()
  const line = log.split('\n').find(each => each.includes(failed.code))
  expect(line).toContain(level)
  expect(line).toContain(`"requestId":"request ${text}"`)
})

test('a model without workers refuses at once', async () => {
  await expect(predictor.predict(call('good', { version: '1.0' }))).rejects.toMatchObject({
    code: 'NO_WORKER',
    message: expect.stringMatching(/^Model "m" Version 1\.0" has no worker/) as unknown,
  })
})

test('a full queue refuses at once and says when to come back', async () => {
  await model.pool.scale(1).ready
  const answers = [predictor.predict(call('slow'))]
  await Promise.resolve()
  answers.push(predictor.predict(call('a')), predictor.predict(call('b')), predictor.predict(call('c')))
  const settled = await Promise.allSettled(answers)
  const refused = settled.filter(({ status }) => status === 'rejected')
  expect(refused.length).toBeGreaterThanOrEqual(1)
  expect(refused[0]).toMatchObject({ reason: { code: 'QUEUE_FULL', http: 503, retryAfterS: 1 } })
})

test('a client that has left is told so, and the worker is spared', async () => {
  await model.pool.scale(1).ready
  await expect(predictor.predict(call('good', { isGone: () => true }))).rejects.toMatchObject({
    code: 'CLIENT_GONE',
    http: 499,
  })
})

test('an unknown model makes no series and no line', async () => {
  await expect(predictor.predict(call('good', { model: 'unheard_of' }))).rejects.toMatchObject({
    code: 'MODEL_NOT_FOUND',
  })
  expect((await metrics.render()).text).not.toContain('unheard_of')
  expect(log).not.toContain('unheard_of')
})
