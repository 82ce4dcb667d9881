import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findInStore, listStore, modelNameFromFile } from '../../../src/archive/store.ts'
import { fileIn, freshFolders } from '../../support/archive-fixtures.ts'

const fresh = freshFolders()

test('the store lists archives, bare models and folders with MAR-INF, sorted', async () => {
  const store = await fresh()
  for (const file of [
    'b.mar',
    'a.tar.gz',
    'c.tgz',
    'd.onnx',
    'e.model',
    'f.pt',
    '.hidden.mar',
    'README.md',
    'x.pth',
  ]) {
    await fileIn(store, file, 'x')
  }
  await mkdir(join(store, 'folder/MAR-INF'), { recursive: true })
  await mkdir(join(store, 'other'))
  await mkdir(join(store, 'dir.mar'))
  expect(await listStore(store)).toEqual([
    'a.tar.gz',
    'b.mar',
    'c.tgz',
    'd.onnx',
    'e.model',
    'f.pt',
    'folder',
  ])
})

test('a store that is not there is named as such', async () => {
  await expect(listStore(join(await fresh(), 'nowhere'))).rejects.toThrow('The model store cannot be read.')
})

test('a local url is a name in the store, of which the last part counts', async () => {
  const store = await fresh()
  const path = await fileIn(store, 'm.mar', 'x')
  expect(await findInStore(store, 'm.mar')).toBe(path)
  expect(await findInStore(store, '/some/where/m.mar')).toBe(path)
  expect(await findInStore(store, 'C:\\models\\m.mar')).toBe(path)
})

test.each([
  ['', 'empty url'],
  ['../m.mar', 'Relative path is not allowed in url: ../m.mar'],
  ['a..mar', 'Relative path is not allowed in url: a..mar'],
  ['other.mar', 'Model not found at: other.mar'],
  ['folder/', 'Model not found at: folder/'],
  ['.hidden.mar', 'Model not found at: .hidden.mar'],
  ['m.mar\0.png', 'Model not found at: m.mar\0.png'],
  ['https://example.com/m.mar', 'Given URL https://example.com/m.mar does not match any allowed URL(s)'],
  ['FILE:///etc/passwd', 'Given URL FILE:///etc/passwd does not match any allowed URL(s)'],
  ['s3://bucket/m.mar', 'Given URL s3://bucket/m.mar does not match any allowed URL(s)'],
  ['x'.repeat(5000), `Model not found at: ${'x'.repeat(5000)}`],
])('the url %j is refused as TorchServe does', async (url, message) => {
  const store = await fresh()
  await fileIn(store, 'm.mar', 'x')
  await fileIn(store, '.hidden.mar', 'x')
  await expect(findInStore(store, url)).rejects.toMatchObject({
    message,
    http: 404,
    type: 'ModelNotFoundException',
  })
})

test.each([
  ['digits.mar', 'digits'],
  ['resnet-18.v2.mar', 'resnet_18_v2'],
  ['squeeze.tar.gz', 'squeeze'],
  ['_private.onnx', '_private'],
  ['folder', 'folder'],
  ['modèle 1.mar', 'mod_le_1'],
])('%s gives the model name %s', (file, name) => {
  expect(modelNameFromFile(file)).toBe(name)
})
