import { expect, test } from 'vitest'
import { TraceSampling } from '../../../src/telemetry/trace-sampling.ts'

test('the configured share holds until it is changed, and again when it is given back', () => {
  const sampling = new TraceSampling({ isOn: true, ratio: 0.25 })
  expect(sampling.ratioOf('digits')).toBe(0.25)
  sampling.update({ rate: 10 })
  expect(sampling.ratioOf('digits')).toBe(0.1)
  sampling.update({ rate: 0 })
  expect(sampling.ratioOf('digits')).toBe(0)
  sampling.update({ rate: undefined })
  expect(sampling.ratioOf('digits')).toBe(0.25)
})

test('what is off is not traced at all, whatever its client has decided', () => {
  const sampling = new TraceSampling({ isOn: true, ratio: 1 })
  sampling.update({ isOn: false })
  expect(sampling.ratioOf('digits')).toBeUndefined()
  expect(new TraceSampling({ isOn: false, ratio: 1 }).ratioOf('digits')).toBeUndefined()
})

test("a model's own setting goes before that of all, which shows again once it is given back", () => {
  const sampling = new TraceSampling({ isOn: true, ratio: 1 })
  sampling.update({ rate: 4 }, 'digits')
  sampling.update({ rate: 2 })
  expect([sampling.ratioOf('digits'), sampling.ratioOf('fraud')]).toEqual([0.25, 0.5])
  // What the model has not set follows.
  sampling.update({ isOn: false })
  expect(sampling.ratioOf('digits')).toBeUndefined()
  sampling.update({ isOn: true, rate: undefined }, 'digits')
  expect([sampling.ratioOf('digits'), sampling.ratioOf('fraud')]).toEqual([0.5, undefined])
})

test('models that are gone are forgotten', () => {
  const sampling = new TraceSampling({ isOn: true, ratio: 1 })
  sampling.update({ rate: 4 }, 'digits')
  sampling.keep(new Set(['fraud']))
  expect(sampling.read('digits')).toEqual({ isOn: true, rate: 1 })
})
