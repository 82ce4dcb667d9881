import { chmod, mkdir, readdir, readFile, symlink, utimes } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openArchive } from '../../../src/archive/reader.ts'
import { writeArchive, type ArchiveFormat } from '../../../src/archive/writer.ts'
import { digitsOnnx, fileIn, freshFolders } from '../../support/archive-fixtures.ts'

const fresh = freshFolders()
const formats: ArchiveFormat[] = ['default', 'zip-store', 'tgz', 'no-archive']

const digits = {
  modelName: 'digits',
  version: '1.0',
  handler: 'image_classifier',
  serializedFile: digitsOnnx,
}

/** A handler, a configuration, and a folder with a file in a folder. */
async function inputs(): Promise<{ folder: string; handler: string; configFile: string; extras: string }> {
  const folder = await fresh()
  await mkdir(join(folder, 'extras/deep'), { recursive: true })
  await fileIn(folder, 'extras/index_to_name.json', '{"0": "zero"}')
  await fileIn(folder, 'extras/deep/more.txt', 'more')
  return {
    folder,
    handler: await fileIn(folder, 'my_handler.ts', 'export default {}\n'),
    configFile: await fileIn(folder, 'model-config.yaml', 'batchSize: 4\n'),
    extras: join(folder, 'extras'),
  }
}

describe('what is written can be read', () => {
  test.each(formats)('in the format %s', async format => {
    const { folder, handler, configFile, extras } = await inputs()
    const exportPath = join(folder, 'store')
    const options = { ...digits, handler, configFile, extraFiles: extras, exportPath, format }
    const { path, warnings } = await writeArchive(options)
    expect(warnings).toEqual([])
    expect(await readdir(exportPath)).toEqual([basename(path)])
    const archive = await openArchive(path, { workDir: join(folder, 'work') })
    expect(archive.manifest.raw).toEqual({
      runtime: 'python',
      model: {
        modelName: 'digits',
        serializedFile: 'digits.onnx',
        handler: 'my_handler.ts',
        modelVersion: '1.0',
        configFile: 'model-config.yaml',
      },
      archiverVersion: '0.12.0',
    })
    expect(archive.config.settings).toEqual({ batchSize: 4 })
    expect(await readFile(join(archive.dir, 'digits.onnx'))).toEqual(await readFile(digitsOnnx))
    expect(await readFile(join(archive.dir, 'index_to_name.json'), 'utf8')).toBe('{"0": "zero"}')
    expect(await readFile(join(archive.dir, 'deep/more.txt'), 'utf8')).toBe('more')
    expect(await readFile(join(archive.dir, 'my_handler.ts'), 'utf8')).toBe('export default {}\n')
    await archive.release()
  })
})

test.each(['default', 'zip-store', 'tgz'] as const)(
  '%s is the same, byte for byte, from the same content',
  async format => {
    const made: Buffer[] = []
    for (const year of [2001, 2020]) {
      const { folder, handler, configFile, extras } = await inputs()
      await chmod(handler, year === 2001 ? 0o600 : 0o755)
      await utimes(handler, new Date(year, 1, 1), new Date(year, 1, 1))
      const extraFiles = [join(extras, 'index_to_name.json'), join(extras, 'deep')]
      const options = { ...digits, handler, configFile, exportPath: folder, format }
      const list = (year === 2001 ? extraFiles : extraFiles.toReversed()).join(',')
      made.push(await readFile((await writeArchive({ ...options, extraFiles: list })).path))
    }
    expect(made[0]?.equals(made[1] ?? Buffer.alloc(0))).toBe(true)
  },
)

describe('extra files', () => {
  test('may be named by patterns, and once more without harm', async () => {
    const folder = await fresh()
    await fileIn(folder, 'a.txt', 'a')
    await fileIn(folder, 'b.txt', 'b')
    await fileIn(folder, '[c].md', 'c')
    const extraFiles = `${folder}/*.txt, ${folder}/a.txt,${folder}/[c].md`
    const { path } = await writeArchive({ ...digits, extraFiles, exportPath: folder, format: 'no-archive' })
    expect((await readdir(path)).toSorted()).toEqual(['MAR-INF', '[c].md', 'a.txt', 'b.txt', 'digits.onnx'])
  })

  test('that would take each other’s place are refused', async () => {
    const { folder, extras } = await inputs()
    await fileIn(folder, 'INDEX_to_name.json', '{}')
    const extraFiles = `${extras},${folder}/INDEX_to_name.json`
    await expect(writeArchive({ ...digits, extraFiles, exportPath: folder })).rejects.toThrow(
      'two files would both be',
    )
  })

  test('cannot bring a manifest of their own', async () => {
    const folder = await fresh()
    await mkdir(join(folder, 'x/MAR-INF'), { recursive: true })
    await fileIn(folder, 'x/MAR-INF/MANIFEST.json', '{}')
    await expect(
      writeArchive({ ...digits, extraFiles: join(folder, 'x'), exportPath: folder }),
    ).rejects.toThrow('two files would both be MAR-INF/MANIFEST.json')
  })

  test('that lead to a folder elsewhere by a link are refused', async () => {
    const { folder, extras } = await inputs()
    await symlink('/', join(extras, 'root'))
    await expect(writeArchive({ ...digits, extraFiles: extras, exportPath: folder })).rejects.toThrow(
      'is neither a file nor a folder',
    )
  })
})

describe('what is refused', () => {
  test.each([
    [{ modelName: '../digits' }, 'the model name "../digits" must consist of'],
    [{ serializedFile: 'no.onnx' }, '--serialized-file: no.onnx is not a file'],
    [{ handler: 'no.ts' }, '--handler: no.ts is not a file'],
    [{ configFile: 'no.yaml' }, '--config-file: no.yaml is not a file'],
    [{ extraFiles: 'no-*.txt' }, '--extra-files: nothing is there under no-*.txt'],
    [{ runtime: 'perl' }, 'Runtime is not defined or invalid.'],
    [{ version: 'a/b' }, 'Failed to parse signature.json.'],
  ])('%j', async (wrong, message) => {
    const folder = await fresh()
    await expect(writeArchive({ ...digits, exportPath: folder, ...wrong })).rejects.toThrow(message)
    expect(await readdir(folder)).toEqual([])
  })

  test.each(formats)('an archive that is there, unless forced: %s', async format => {
    const folder = await fresh()
    const options = { ...digits, exportPath: folder, format }
    await writeArchive(options)
    await expect(writeArchive(options)).rejects.toThrow('already exists; --force replaces it')
    const { path } = await writeArchive({ ...options, version: '2.0', force: true })
    const archive = await openArchive(path, { workDir: join(folder, 'work') })
    expect(archive.manifest.model.modelVersion).toBe('2.0')
  })
})

test('what only TorchServe can use is packed with a warning', async () => {
  const folder = await fresh()
  const handler = `${await fileIn(folder, 'handler.py', 'pass')}:run`
  const serializedFile = await fileIn(folder, 'model.pt2', 'x')
  const { warnings } = await writeArchive({ ...digits, handler, serializedFile, exportPath: folder })
  expect(warnings).toEqual([
    expect.stringContaining('is Python'),
    expect.stringContaining('torch.onnx.export'),
  ])
})
