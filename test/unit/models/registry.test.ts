import { afterEach, expect, test } from 'vitest'
import type { Model } from '../../../src/models/model.ts'
import { Registry } from '../../../src/models/registry.ts'
import { makeInlineModel } from '../../support/inline-model.ts'

const models: Model[] = []
afterEach(async () => {
  for (const model of models.splice(0)) await model.close()
})

async function make(name: string, version = '1.0'): Promise<Model> {
  const model = await makeInlineModel({ name, version, handler: 'export default {}' })
  models.push(model)
  return model
}

test('the first version of a name answers by default, others by their name', async () => {
  const registry = new Registry()
  const [first, second] = [await make('m', '1.0'), await make('m', '2.0')]
  registry.add(first)
  registry.add(second)
  expect(registry.resolve('m', undefined)).toBe(first)
  expect(registry.resolve('m', '2.0')).toBe(second)
  registry.setDefault('m', '2.0')
  expect(registry.resolve('m', undefined)).toBe(second)
  expect(registry.defaults()).toEqual([second])
})

test('what is not there is told apart: the name or the version', async () => {
  const registry = new Registry()
  registry.add(await make('m'))
  expect(() => registry.resolve('n', undefined)).toThrow('Model not found: n')
  expect(() => registry.resolve('m', '9')).toThrow('Model version: 9 does not exist for model: m')
  for (const name of ['__proto__', 'constructor', 'toString'])
    expect(() => registry.resolve(name, undefined)).toThrow(`Model not found: ${name}`)
})

test('a name and version can be taken once only, also while a registration is under way', async () => {
  const registry = new Registry()
  const giveBack = registry.reserve('m', '1.0')
  expect(() => registry.reserve('m', '1.0')).toThrow('is already registered')
  registry.reserve('m', '2.0')
  giveBack()
  registry.reserve('m', '1.0')()
  registry.add(await make('m'))
  expect(() => registry.reserve('m', '1.0')).toThrow('is already registered')
  const twin = await make('m')
  expect(() => registry.add(twin)).toThrow('is already registered')
  // Taking out the twin, which never was in, changes nothing.
  registry.remove(twin)
  expect(registry.has('m', '1.0')).toBe(true)
})

test('a version that leaves hands the default to the one that was there longest', async () => {
  const registry = new Registry()
  const [first, second, third] = [await make('m', '1.0'), await make('m', '2.0'), await make('m', '3.0')]
  for (const model of [first, second, third]) registry.add(model)
  registry.remove(first)
  expect(registry.resolve('m', undefined)).toBe(second)
  registry.remove(third)
  registry.remove(second)
  expect(() => registry.resolve('m', undefined)).toThrow('Model not found: m')
})

test('lists are sorted by name, versions in the order in which they came', async () => {
  const registry = new Registry()
  for (const [name, version] of [
    ['b', '2.0'],
    ['a', '1.0'],
    ['b', '1.0'],
  ])
    registry.add(await make(name ?? '', version))
  expect(registry.all().map(({ name, version }) => `${name} ${version}`)).toEqual(['a 1.0', 'b 2.0', 'b 1.0'])
  expect(registry.defaults().map(({ name, version }) => `${name} ${version}`)).toEqual(['a 1.0', 'b 2.0'])
})
