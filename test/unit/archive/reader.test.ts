import { link, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openArchive } from '../../../src/archive/reader.ts'
import { digitsOnnx, fileIn, freshFolders, manifestJson } from '../../support/archive-fixtures.ts'
import { makeTarball, makeZip, onnxWithExternalData } from '../../support/hostile-archives.ts'

const fresh = freshFolders()
const digits = await readFile(digitsOnnx)

const good = [
  {
    name: 'MAR-INF/MANIFEST.json',
    data: manifestJson({ modelName: 'digits', serializedFile: 'digits.onnx' }),
  },
  { name: 'digits.onnx', data: digits },
]

async function setUp(name: string, content: Buffer | string) {
  const folder = await fresh()
  const path = await fileIn(folder, name, content)
  return { path, workDir: join(folder, 'work') }
}

describe('what can be opened', () => {
  test.each([
    ['a.mar', makeZip(good)],
    ['a.zip', makeZip(good)],
    ['a.tar.gz', makeTarball(good)],
    [
      'a.tgz',
      makeTarball([{ name: './', type: '5' }, ...good.map(entry => ({ ...entry, name: `./${entry.name}` }))]),
    ],
    ['a.model', makeTarball(good.map(entry => ({ ...entry, name: `digits/${entry.name}` })))],
  ])('%s is unpacked privately, and gone after its release', async (name, content) => {
    const { path, workDir } = await setUp(name, content)
    const archive = await openArchive(path, { workDir })
    expect(archive.file).toBe(name)
    expect(archive.manifest.model.modelName).toBe('digits')
    expect(archive.modelFile).toBe(join(archive.dir, 'digits.onnx'))
    expect(await readFile(archive.modelFile ?? '')).toEqual(digits)
    const [root = ''] = await readdir(workDir)
    expect(root).toMatch(/^[0-9a-f]{32}$/)
    expect((await stat(join(workDir, root))).mode & 0o777).toBe(0o700)
    await archive.release()
    expect(await readdir(workDir)).toEqual([])
  })

  test('a folder with MAR-INF is taken where it lies, one level down if that is all there is', async () => {
    const folder = await fresh()
    const inner = join(folder, 'outer/digits')
    await mkdir(join(inner, 'MAR-INF'), { recursive: true })
    for (const { name, data } of good) await writeFile(join(inner, name), data)
    const archive = await openArchive(join(folder, 'outer'), { workDir: join(folder, 'work') })
    expect(archive.dir).toBe(inner)
    await archive.release()
    expect(await readFile(join(inner, 'digits.onnx'))).toEqual(digits)
  })

  test('a bare ONNX file gets a default manifest with the name of the file', async () => {
    const { path, workDir } = await setUp('my-digits.v1.onnx', digits)
    const archive = await openArchive(path, { workDir })
    expect(archive.manifest.model).toMatchObject({
      modelName: 'my_digits_v1',
      handler: 'base_handler',
      modelVersion: '1.0',
    })
    expect(archive).toMatchObject({ modelFile: path, dir: dirname(path), config: { settings: {} } })
    await archive.release()
    expect(await readFile(path)).toEqual(digits)
  })

  test('an archive without a manifest has no name, and its only ONNX file is the model', async () => {
    const { path, workDir } = await setUp(
      'a.mar',
      makeZip([{ name: 'x.onnx', data: digits }, { name: 'labels.txt' }]),
    )
    const archive = await openArchive(path, { workDir })
    expect(archive.manifest.model.modelName).toBeUndefined()
    expect(archive.serializedFile).toBe('x.onnx')
  })

  test('of two ONNX files without a manifest neither is the model', async () => {
    const { path, workDir } = await setUp(
      'a.mar',
      makeZip([{ name: 'x.onnx', data: digits }, { name: 'y.onnx' }]),
    )
    expect((await openArchive(path, { workDir })).modelFile).toBeUndefined()
  })

  test('the configuration that the manifest names is read', async () => {
    const manifest = manifestJson({ modelName: 'm', configFile: 'model-config.yaml', handler: 'handler.ts' })
    const { path, workDir } = await setUp(
      'a.mar',
      makeZip([
        { name: 'MAR-INF/MANIFEST.json', data: manifest },
        { name: 'handler.ts' },
        { name: 'model-config.yaml', data: 'batchSize: 4\nlabels: [a]\n' },
      ]),
    )
    const { config } = await openArchive(path, { workDir })
    expect(config).toMatchObject({ settings: { batchSize: 4 }, raw: { labels: ['a'] } })
  })

  test('a name may be up to 255 bytes long and hold any letters', async () => {
    const name = `${'ä'.repeat(127)}/${'b'.repeat(255)}`
    const { path, workDir } = await setUp('a.mar', makeZip([{ name, data: 'x' }, { name: 'c' }]))
    const archive = await openArchive(path, { workDir })
    expect(await readFile(join(archive.dir, name), 'utf8')).toBe('x')
  })
})

describe('what is not an archive', () => {
  test.each([
    ['empty.mar', '', 'it is empty'],
    ['empty.onnx', '', 'it is empty'],
    ['text.mar', 'hello, I am not a zip', 'it is not a zip archive'],
    ['zip.tar.gz', makeZip(good), 'it is not a gzipped tar archive'],
    ['tar.mar', makeTarball(good), 'it is not a zip archive'],
    ['cut.mar', makeZip(good).subarray(0, 5000), 'it is damaged or truncated'],
    ['cut.tar.gz', makeTarball(good).subarray(0, 5000), 'it is damaged or truncated'],
    [
      'noise.tar.gz',
      Buffer.concat([Buffer.from([0x1f, 0x8b, 8]), Buffer.alloc(600, 7)]),
      'it is damaged or truncated',
    ],
    ['model.pt2', 'x', 'files of torch.export (.pt2) cannot be served yet'],
    ['notes.txt', 'x', 'its kind is not known; expected .mar'],
  ])('%s is refused', async (name, content, message) => {
    const { path, workDir } = await setUp(name, content)
    const refusal = openArchive(path, { workDir })
    await expect(refusal).rejects.toMatchObject({ code: 'BAD_ARCHIVE', http: 400 })
    await expect(refusal).rejects.toThrow(`Archive ${name} is refused: `)
    await expect(refusal).rejects.toThrow(message)
    expect(await readdir(workDir).catch(() => [])).toEqual([])
  })

  test('a file that is not there is not found', async () => {
    const folder = await fresh()
    await expect(openArchive(join(folder, 'no.mar'), { workDir: folder })).rejects.toMatchObject({
      code: 'ARCHIVE_NOT_FOUND',
      message: 'Model not found at: no.mar',
    })
  })

  test('a folder with the name of a file is refused', async () => {
    const folder = await fresh()
    await mkdir(join(folder, 'x.mar/MAR-INF'), { recursive: true })
    await expect(openArchive(join(folder, 'x.mar'), { workDir: folder })).rejects.toThrow('it is a folder')
  })

  test('a folder without a manifest is refused', async () => {
    const folder = await fresh()
    await mkdir(join(folder, 'm'))
    await expect(openArchive(join(folder, 'm'), { workDir: folder })).rejects.toThrow(
      'it has no MAR-INF/MANIFEST.json',
    )
  })

  test('a disk that cannot be written is the server’s failure, without its paths', async () => {
    const { path } = await setUp('a.mar', makeZip(good))
    const failure = openArchive(path, { workDir: join(path, 'below-a-file') })
    await expect(failure).rejects.toMatchObject({
      code: 'SAVE_FAILED',
      message: 'Failed to save model: a.mar',
    })
  })
})

describe('what a manifest may name', () => {
  test.each([
    [{ serializedFile: '../x.onnx' }, 'its serializedFile "../x.onnx" climbs out of the archive'],
    [{ serializedFile: '/etc/passwd' }, 'its serializedFile "/etc/passwd" has an absolute path'],
    [{ serializedFile: 'no.onnx' }, 'its serializedFile "no.onnx" is not in the archive'],
    [{ serializedFile: 'sub' }, 'its serializedFile "sub" is not a regular file'],
    [{ serializedFile: 'model.pt2' }, 'files of torch.export (.pt2) cannot be served yet'],
    [{ configFile: '../../etc/passwd' }, 'its configFile "../../etc/passwd" climbs out'],
    [{ configFile: 'no.yaml' }, 'its configFile "no.yaml" is not in the archive'],
    [{ handler: '../evil.ts' }, 'its handler "../evil.ts" climbs out'],
    [{ handler: '/tmp/evil.ts:run' }, 'its handler "/tmp/evil.ts" has an absolute path'],
    [{ handler: 'sub' }, 'its handler "sub" is not a regular file'],
  ])('%j is refused', async (model, message) => {
    const manifest = manifestJson({ modelName: 'm', ...model })
    const content = makeZip([
      { name: 'MAR-INF/MANIFEST.json', data: manifest },
      { name: 'model.pt2' },
      { name: 'sub/x' },
    ])
    const { path, workDir } = await setUp('a.mar', content)
    await expect(openArchive(path, { workDir })).rejects.toThrow(message)
    expect(await readdir(workDir)).toEqual([])
  })

  test('a built-in handler need not be in the archive', async () => {
    const manifest = manifestJson({ modelName: 'm', handler: 'image_classifier' })
    const { path, workDir } = await setUp(
      'a.mar',
      makeZip([{ name: 'MAR-INF/MANIFEST.json', data: manifest }]),
    )
    expect((await openArchive(path, { workDir })).manifest.model.handler).toBe('image_classifier')
  })

  test('a broken manifest is told with TorchServe’s text', async () => {
    const { path, workDir } = await setUp('a.mar', makeZip([{ name: 'MAR-INF/MANIFEST.json', data: '{' }]))
    await expect(openArchive(path, { workDir })).rejects.toThrow('Failed to parse signature.json.')
  })

  test('a manifest without end is refused', async () => {
    const { path, workDir } = await setUp(
      'a.mar',
      makeZip([{ name: 'MAR-INF/MANIFEST.json', data: ' '.repeat(2 ** 21) }]),
    )
    await expect(openArchive(path, { workDir })).rejects.toThrow('at most 1048576 are read')
  })

  test.each(['model.onnx', 'MAR-INF/MANIFEST.json'])('in a folder, %s may not be a link', async linked => {
    const folder = await fresh()
    const dir = join(folder, 'm')
    await mkdir(join(dir, 'MAR-INF'), { recursive: true })
    const manifest = manifestJson({ modelName: 'm', serializedFile: 'model.onnx' })
    for (const [name, content] of [
      ['model.onnx', digits],
      ['MAR-INF/MANIFEST.json', manifest],
    ] as const) {
      if (name === linked) await symlink(await fileIn(folder, 'elsewhere', content), join(dir, name))
      else await fileIn(dir, name, content)
    }
    await expect(openArchive(dir, { workDir: folder })).rejects.toThrow(`"${linked}" is a symbolic link`)
  })

  test('in a folder, a model behind a linked folder is refused', async () => {
    const folder = await fresh()
    await mkdir(join(folder, 'm/MAR-INF'), { recursive: true })
    await mkdir(join(folder, 'elsewhere'))
    await fileIn(folder, 'elsewhere/model.onnx', digits)
    await symlink('../elsewhere', join(folder, 'm/sub'))
    await fileIn(folder, 'm/MAR-INF/MANIFEST.json', manifestJson({ serializedFile: 'sub/model.onnx' }))
    await expect(openArchive(join(folder, 'm'), { workDir: folder })).rejects.toThrow(
      'lies behind a symbolic link',
    )
  })
})

test('external data is checked in every kind of archive', async () => {
  const folder = await fresh()
  const model = onnxWithExternalData('../secret')
  const bare = await fileIn(folder, 'm.onnx', model)
  const packed = await fileIn(folder, 'm.mar', makeZip([{ name: 'm.onnx', data: model }]))
  for (const path of [bare, packed]) {
    await expect(openArchive(path, { workDir: join(folder, 'work') })).rejects.toThrow(
      'the external data "../secret" that m.onnx names must be a plain file name without folders',
    )
  }
})

test('weights beside the model are unpacked and accepted', async () => {
  const content = makeZip([
    { name: 'm.onnx', data: onnxWithExternalData('m.data') },
    { name: 'm.data', data: 'weights' },
  ])
  const { path, workDir } = await setUp('a.mar', content)
  const archive = await openArchive(path, { workDir })
  expect(await readFile(join(archive.dir, 'm.data'), 'utf8')).toBe('weights')
})

test('a bare model in the store may not reach a file by a hard link', async () => {
  const folder = await fresh()
  const path = await fileIn(folder, 'm.onnx', onnxWithExternalData('m.data'))
  await fileIn(folder, 'secret', 'x')
  await link(join(folder, 'secret'), join(folder, 'm.data'))
  await expect(openArchive(path, { workDir: folder })).rejects.toThrow('is a hard link')
})
