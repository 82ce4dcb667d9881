import { expect, test } from 'vitest'
import { ModelTelemetry } from '../../../src/inference/model-telemetry.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { makeInlineModel } from '../../support/inline-model.ts'

const handler = 'export default { inference: batch => batch }'

function make() {
  const metrics = new Metrics({ hostname: 'here', version: '0.1.0', mode: 'prometheus' })
  const telemetry = new ModelTelemetry(metrics, createLogger({ format: 'json', level: 'silent' }))
  const loadTimes = async () => {
    const { text } = await metrics.render(['WorkerLoadTime'])
    return [...text.matchAll(/WorkerName="([^"]+)"/g)].map(([, name]) => name)
  }
  return { metrics, telemetry, loadTimes }
}

test('a worker that has ended leaves the page, however often the model was scaled', async () => {
  const { telemetry, loadTimes } = make()
  const model = await makeInlineModel({ name: 'm', handler, observer: telemetry.observe('m', '1.0') })
  for (let round = 0; round < 3; round++) {
    await model.scale(2, 2)
    await model.scale(1, 1)
  }
  expect(await loadTimes()).toEqual(['W-1-m_1.0'])
  await model.scale(0, 0)
  expect(await loadTimes()).toEqual([])
  await model.close()
})

test('a model that follows one of its name and version is counted with it until that has closed', async () => {
  const { metrics, telemetry } = make()
  const [old, next] = [
    await makeInlineModel({ name: 'm', handler, observer: telemetry.observe('m', '1.0') }),
    await makeInlineModel({ name: 'm', handler, observer: telemetry.observe('m', '1.0') }),
  ]
  expect(telemetry.meterOf(old)).toBe(telemetry.meterOf(next))
  await old.close()
  telemetry.meterOf(next).accepted(true)
  expect((await metrics.render()).text).toMatch(/ts_inference_requests_total\{.*"1\.0".*\} 1/)
  await next.close()
  expect((await metrics.render()).text).not.toContain('"m"')
})
