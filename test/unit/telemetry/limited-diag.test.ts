import { expect, test } from 'vitest'
import { limitedDiag } from '../../../src/telemetry/limited-diag.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'

test('troubles of OpenTelemetry are one warning a minute, with the number of those left out', () => {
  const lines: string[] = []
  const logger = createLogger({ format: 'json', level: 'debug', stream: { write: line => lines.push(line) } })
  let nowMs = 0
  const diag = limitedDiag(logger, () => nowMs)
  for (let i = 0; i < 10; i++) diag.error(`no collector ${i}`)
  diag.info('ignored')
  nowMs = 60_000
  diag.warn('x'.repeat(10_000))
  expect(lines.map(line => JSON.parse(line))).toMatchObject([
    { level: 40, msg: 'Traces are in trouble', reason: 'no collector 0' },
    { level: 40, msg: 'Traces are in trouble', reason: 'x'.repeat(500), omitted: 9 },
  ])
})
