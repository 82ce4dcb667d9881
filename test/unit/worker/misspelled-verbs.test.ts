import { expect, test } from 'vitest'
import { misspelledVerbs } from '../../../src/worker/misspelled-verbs.ts'

class Slipped {
  postproces(): void {}
}

const said = (handler: object) => misspelledVerbs(handler)

test.each([
  ['an object', { postproces: () => {} }],
  ['a class', new Slipped()],
  ['a class above', new (class extends Slipped {})()],
])('a function of %s that is nearly a verb is named with the verb', (_case, handler) => {
  expect(said(handler)).toEqual(['The handler has "postproces", which is no verb; did you mean postprocess?'])
})

test.each([
  ['functions of its own', { tokenize: () => {}, labelOf: () => {} }],
  ['a verb beside which the other is deliberate', { load: () => {}, loads: () => {} }],
  ['data', { samples: [1, 2] }],
  ['a getter, which is not run', Object.defineProperty({}, 'sampl', { get: () => expect.fail('was run') })],
])('nothing is said of a handler with %s', (_case, handler) => {
  expect(said(handler)).toEqual([])
})
