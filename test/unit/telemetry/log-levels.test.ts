import { expect, test } from 'vitest'
import { LogLevels } from '../../../src/telemetry/log-levels.ts'

const LEVELS = ['debug', 'info', 'warn', 'error'] as const

test.each([
  ['debug', 'debug info warn error'],
  ['warn', 'warn error'],
  ['silent', ''],
] as const)('from %s on: %s', (least, on) => {
  const levels = new LogLevels(least)
  expect(LEVELS.filter(level => levels.isOn(level)).join(' ')).toBe(on)
})

test('each level is turned on and off by itself', () => {
  const levels = new LogLevels('info')
  levels.set('info', false)
  levels.set('debug', true)
  expect(LEVELS.filter(level => levels.isOn(level))).toEqual(['debug', 'warn', 'error'])
})
