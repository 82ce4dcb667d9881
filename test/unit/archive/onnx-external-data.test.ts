import { readFile, symlink, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkExternalData } from '../../../src/archive/onnx-external-data.ts'
import { digitsOnnx, fileIn, freshFolders } from '../../support/archive-fixtures.ts'
import { externalTensor, field, onnxWithExternalData, varint } from '../../support/hostile-archives.ts'

const fresh = freshFolders()
const evil = externalTensor('../evil')

async function check(content: Buffer): Promise<string[]> {
  return checkExternalData(await fileIn(await fresh(), 'm.onnx', content))
}

function nested(depth: number, inner: Buffer): Buffer {
  let graph = field(5, inner)
  for (let level = 0; level < depth; level++) graph = field(1, field(5, field(6, graph)))
  return field(7, graph)
}

/** A model's graph whose tag takes five bytes where one would do. */
function inLongTag(graph: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0xba, 0x80, 0x80, 0x80, 0x00]), varint(graph.length), graph])
}

/** An unknown field that is a group, with anything inside. */
function group(number: number, content: Buffer): Buffer {
  return Buffer.concat([varint(number * 8 + 3), content, varint(number * 8 + 4)])
}

describe('external data is found wherever a tensor can stand', () => {
  test.each([
    ['an initializer', field(7, field(5, evil))],
    ['the values of a sparse initializer', field(7, field(15, field(1, evil)))],
    ['the indices of a sparse initializer', field(7, field(15, field(2, evil)))],
    ['an attribute', field(7, field(1, field(5, field(5, evil))))],
    ['a list in an attribute', field(7, field(1, field(5, field(10, field(8, 'here')), field(10, evil))))],
    ['a sparse attribute', field(7, field(1, field(5, field(22, field(1, evil)))))],
    ['a list of sparse attributes', field(7, field(1, field(5, field(23, field(2, evil)))))],
    ['a sub-graph', nested(1, evil)],
    ['one of several sub-graphs', field(7, field(1, field(5, field(11, field(5, evil)))))],
    ['a sub-graph 25 levels down', nested(25, evil)],
    ['a function', field(25, field(7, field(5, field(5, evil))))],
    ['a function’s default attribute', field(25, field(11, field(5, evil)))],
    ['the initialization of a training', field(20, field(1, field(5, evil)))],
    ['the algorithm of a training', field(20, field(2, field(5, evil)))],
    ['a second graph, which protobuf merges', Buffer.concat([field(7), field(7, field(5, evil))])],
    [
      'a tensor behind large weights',
      field(7, field(5, field(9, Buffer.alloc(300_000, 255))), field(5, evil)),
    ],
    ['a tensor behind a group', field(7, group(99, group(5, field(1, 'x'))), field(5, evil))],
    [
      'a key that is written twice',
      field(7, field(5, field(13, field(1, 'x'), field(2, '../evil'), field(1, 'location')))),
    ],
    ['a tag in more bytes than it needs', inLongTag(field(5, evil))],
  ])('%s', async (_, content) => {
    await expect(check(content)).rejects.toThrow(
      'the external data "../evil" that m.onnx names must be a plain file name',
    )
  })
})

describe('where external data may lie', () => {
  test('plain files in the model’s folder are accepted, and returned', async () => {
    const folder = await fresh()
    await fileIn(folder, 'a.data', 'x')
    const path = await fileIn(folder, 'm.onnx', onnxWithExternalData('a.data'))
    expect(await checkExternalData(path)).toEqual([join(folder, 'a.data')])
  })

  test.each([
    ['/etc/passwd', 'must be a plain file name without folders'],
    ['sub/a.data', 'must be a plain file name without folders'],
    ['./a.data', 'must be a plain file name without folders'],
    ['..', 'climbs out'],
    ['.', 'must be the name of a file'],
    ['', 'has no name'],
    ['..\\a', 'has a backslash'],
    ['C:a', 'names a drive'],
    ['a\0b', 'has a NUL character'],
    ['*/_ORT_MEM_ADDR_/*', 'must be a plain file name'],
    ['a\uFFFD', 'is not valid UTF-8'],
    ['missing.data', "is not in the model's folder"],
    ['folder', 'is not a regular file'],
    ['link', 'is a symbolic link'],
  ])('%j is refused', async (location, message) => {
    const folder = await fresh()
    await mkdir(join(folder, 'folder'))
    await symlink(digitsOnnx, join(folder, 'link'))
    const path = await fileIn(folder, 'm.onnx', onnxWithExternalData(location))
    await expect(checkExternalData(path, 'm.mar')).rejects.toMatchObject({
      code: 'BAD_ARCHIVE',
      message: expect.stringMatching(
        /^Archive m\.mar is refused: the external data ".*" that m\.onnx names /s,
      ),
    })
    await expect(checkExternalData(path)).rejects.toThrow(message)
  })
})

describe('models that are none', () => {
  test.each([
    ['text', Buffer.from('this is not a model at all')],
    ['zeros', Buffer.alloc(1000)],
    ['ones', Buffer.alloc(1000, 0xff)],
    ['nothing', Buffer.alloc(0)],
    ['a length beyond the end', Buffer.concat([varint(7 * 8 + 2), varint(2n ** 62n)])],
    ['a length beyond its message', field(7, Buffer.from([42, 100]), 'x')],
    ['a group that does not end', Buffer.from([7 * 8 + 3])],
    ['a group that nobody opened', Buffer.from([7 * 8 + 4])],
  ])('%s is left to ONNX Runtime', async (_, content) => {
    expect(await check(content)).toEqual([])
  })

  test('what stands before the damage is still checked', async () => {
    const content = Buffer.concat([onnxWithExternalData('../evil'), Buffer.from([0, 0])])
    await expect(check(content)).rejects.toThrow('../evil')
  })

  test.each([
    ['sub-graphs', nested(100, evil)],
    ['groups', Buffer.alloc(5000, 11)],
  ])('%s that are nested without end are refused', async (_, content) => {
    await expect(check(content)).rejects.toThrow('m.onnx: it is nested deeper than 200 levels')
  })

  test('a location without end is refused', async () => {
    await expect(check(onnxWithExternalData('a'.repeat(5000)))).rejects.toThrow(
      'an external data entry has 5000 bytes',
    )
  })

  test('a real model, cut or flipped anywhere, never throws anything but a refusal', async () => {
    const model = await readFile(digitsOnnx)
    const folder = await fresh()
    for (let step = 0; step < 60; step++) {
      const at = Math.floor((model.length * step) / 60)
      const flipped = Buffer.from(model)
      flipped[at] = (flipped[at] ?? 0) ^ 0x5a
      for (const content of [flipped, model.subarray(0, at)]) {
        const path = await fileIn(folder, 'm.onnx', content)
        const outcome = await checkExternalData(path).catch((error: unknown) => error)
        expect(Array.isArray(outcome) || (outcome as { code?: string }).code === 'BAD_ARCHIVE').toBe(true)
      }
    }
  })
})

test('a model without external data has none', async () => {
  expect(await checkExternalData(digitsOnnx)).toEqual([])
})
