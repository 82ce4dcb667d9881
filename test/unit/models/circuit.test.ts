import { expect, test } from 'vitest'
import {
  admit,
  afterDeath,
  closedCircuit,
  MAX_DEATHS_IN_A_ROW,
  sayOpen,
  type Circuit,
} from '../../../src/models/circuit.ts'

/** After deaths at these times. */
const after = (...times: number[]): Circuit =>
  times.reduce((circuit, now) => afterDeath(circuit, death(now)), closedCircuit)
const death = (now: number, isRetry = false) => ({ now, isRetry, why: 'was ended by SIGSEGV' })
const inARow = Array.from({ length: MAX_DEATHS_IN_A_ROW }, (_, index) => index)
const isLetIn = (circuit: Circuit, now: number) => admit(circuit, now).isLetIn

test.each([
  ['nothing happened', closedCircuit, true],
  ['a few died', after(...inARow.slice(1)), true],
  ['that many died in a row', after(...inARow), false],
  ['the first of them is long ago', after(...inARow.map(index => index * 16_000)), true],
])('where %s, a request is let in: %s', (_case, circuit, expected) => {
  expect(isLetIn(circuit, 100)).toBe(expected)
})

test('one that is open lets a request in after each pause', () => {
  const open = after(0, 0, 0, 0, 0)
  expect([999, 1000].map(now => isLetIn(open, now))).toEqual([false, true])
  const { circuit } = admit(open, 1000)
  expect([1001, 1999, 2000].map(now => isLetIn(circuit, now))).toEqual([false, false, true])
})

test('the pause doubles with each further death, up to half a minute', () => {
  let circuit = after(0, 0, 0, 0, 0)
  const pauses = [1, 2, 3, 4, 5, 6].map(() => {
    circuit = afterDeath(circuit, death(0))
    return circuit.open?.pauseMs
  })
  expect(pauses).toEqual([2000, 4000, 8000, 16_000, 30_000, 30_000])
})

test('the retries of one request do not open it; where it is open they begin the pause anew', () => {
  let circuit = after(0, 0, 0, 0)
  for (let retry = 0; retry < 9; retry++) circuit = afterDeath(circuit, death(1, true))
  expect(isLetIn(circuit, 1)).toBe(true)
  circuit = afterDeath(afterDeath(circuit, death(2)), death(600, true))
  expect([1599, 1600].map(now => isLetIn(circuit, now))).toEqual([false, true])
})

test('it says why it is open', () => {
  expect(sayOpen(after(0))).toBe('')
  expect(sayOpen(after(0, 0, 0, 0, 0))).toBe(
    'Its workers died under 5 batches in a row; the last one was ended by SIGSEGV.',
  )
})
