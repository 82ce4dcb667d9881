import { expect, test } from 'vitest'
import { afterDeath } from '../../../src/pool/after-death.ts'

test.each([
  [{ size: 8, deaths: 1, isKilled: false }, 'halve'],
  [{ size: 2, deaths: 9, isKilled: true }, 'halve'],
  [{ size: 1, deaths: 1, isKilled: false }, 'again'],
  [{ size: 1, deaths: 2, isKilled: false }, 'fail'],
  [{ size: 1, deaths: 4, isKilled: false }, 'fail'],
  [{ size: 1, deaths: 5, isKilled: true }, 'again'],
  [{ size: 1, deaths: 6, isKilled: true }, 'fail'],
] as const)('after %j: %s', (death, what) => {
  expect(afterDeath(death)).toBe(what)
})
