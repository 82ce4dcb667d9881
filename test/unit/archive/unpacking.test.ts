import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { gzipSync } from 'node:zlib'
import { openArchive, type UnpackLimits } from '../../../src/archive/reader.ts'
import { fileIn, freshFolders } from '../../support/archive-fixtures.ts'
import {
  makeTarball,
  makeZip,
  paxPath,
  type TarEntry,
  type ZipEntry,
} from '../../support/hostile-archives.ts'

const fresh = freshFolders()

/** What the refusal says. Every refused archive leaves nothing behind: not in the work folder, not beside it. */
async function refusalOf(name: string, content: Buffer, limits: Partial<UnpackLimits> = {}): Promise<string> {
  const folder = await fresh()
  const path = await fileIn(folder, name, content)
  const workDir = join(folder, 'work')
  const outcome = await openArchive(path, { workDir, limits }).catch((error: unknown) => error)
  expect(outcome).toMatchObject({ code: 'BAD_ARCHIVE', message: expect.any(String) })
  expect(await readdir(workDir)).toEqual([])
  expect((await readdir(folder)).toSorted()).toEqual([name, 'work'].toSorted())
  expect(await readdir(dirname(folder))).not.toContain('evil')
  return (outcome as Error).message
}

const badNames: [string, string][] = [
  ['../evil', 'entry "../evil" climbs out of the archive with ".."'],
  ['a/../../evil', 'climbs out of the archive'],
  ['a/..', 'climbs out of the archive'],
  ['/evil', 'entry "/evil" has an absolute path'],
  ['..\\evil', 'has a backslash in its name'],
  ['a\\b', 'has a backslash in its name'],
  ['C:/evil', 'names a drive'],
  ['c:evil', 'names a drive'],
  ['//host/share/evil', 'has an absolute path'],
  ['a\nb', 'entry "a\\u000ab" has control characters in its name'],
  ['a\u009b31mb', 'has control characters in its name'],
  ['x'.repeat(256), 'has a name longer than 255 bytes'],
  [Array(20).fill('y'.repeat(60)).join('/'), 'has a path longer than 1024 bytes'],
  ['./.', 'has no file name'],
]

describe('names that leave the archive or deceive a reader', () => {
  test.each(badNames)('%j in a zip', async (name, message) => {
    expect(await refusalOf('a.mar', makeZip([{ name: 'fine' }, { name, data: 'x' }]))).toContain(message)
  })

  test.each(badNames)('%j in a tarball', async (name, message) => {
    expect(
      await refusalOf('a.tar.gz', makeTarball([{ name: 'fine' }, paxPathOrPlain(name)].flat())),
    ).toContain(message)
  })

  test('a NUL in a zip', async () => {
    expect(await refusalOf('a.mar', makeZip([{ name: 'good.txt\0.evil' }]))).toContain(
      'entry "good.txt\\u0000.evil" has a NUL',
    )
  })

  test('a NUL in the long name of a tarball', async () => {
    expect(
      await refusalOf(
        'a.tar.gz',
        makeTarball([{ name: '././@LongLink', type: 'L', data: 'good\0evil' }, { name: 'x' }]),
      ),
    ).toContain('has a NUL character in its name')
  })

  test('an extended header that renames an entry', async () => {
    expect(await refusalOf('a.tar.gz', makeTarball([paxPath('../evil'), { name: 'x' }]))).toContain(
      'entry "../evil" climbs out',
    )
  })

  test('a zip entry without a name', async () => {
    expect(await refusalOf('a.mar', makeZip([{ name: '' }]))).toContain('entry "" has no name')
  })
})

function paxPathOrPlain(name: string): TarEntry[] {
  // A tar reader takes one line of an extended header for one value; such names go into the header itself.
  return name.includes('\n') ? [{ name, data: 'x' }] : [paxPath(name), { name: 'x', data: 'x' }]
}

const clashes: [string, string[], string][] = [
  ['the same name twice', ['a', 'a'], 'entry "a" is there twice'],
  ['the same name written in two ways', ['a/b', 'a/./b'], 'entry "a/./b" is there twice'],
  ['names that differ in case', ['Model.onnx', 'model.ONNX'], 'clashes with "Model.onnx"'],
  ['folders that differ in case', ['Sub/a', 'sub/b'], 'clashes with "Sub"'],
  ['names that differ in Unicode form', ['caf\u00e9', 'cafe\u0301'], 'differs only in case or Unicode form'],
  ['a file that is a folder', ['a', 'a/b'], 'is there both as a file and as a folder'],
  ['a folder that is a file', ['a/b', 'a'], 'is there both as a file and as a folder'],
]

describe('names that clash', () => {
  test.each(clashes)('%s in a zip', async (_, names, message) => {
    expect(await refusalOf('a.mar', makeZip(names.map(name => ({ name }))))).toContain(message)
  })

  test.each(clashes)('%s in a tarball', async (_, names, message) => {
    expect(
      await refusalOf('a.tar.gz', makeTarball(names.flatMap(name => [paxPath(name), { name: 'x' }]))),
    ).toContain(message)
  })
})

describe('entries that are no plain files', () => {
  const zipEntries: [string, ZipEntry, string][] = [
    ['a symbolic link', { name: 'l', data: '/etc/passwd', mode: 0o120777 }, 'entry "l" is a symbolic link'],
    ['a device', { name: 'd', mode: 0o020666 }, 'is a character device'],
    ['a named pipe', { name: 'p', mode: 0o010666 }, 'is a named pipe'],
    ['an encrypted file', { name: 'e', data: 'x', flags: 1 }, 'entry "e" is encrypted'],
    ['a strongly encrypted file', { name: 'e', data: 'x', flags: 0x41 }, 'encryption'],
    ['an unknown compression', { name: 'm', data: 'x', method: 99 }, 'is compressed by method 99'],
    ['a folder with content', { name: 'f/', data: 'x' }, 'is a folder with content'],
  ]
  test.each(zipEntries)('%s in a zip', async (_, entry, message) => {
    expect(await refusalOf('a.mar', makeZip([{ name: 'fine' }, entry]))).toContain(message)
  })

  const tarEntries: [string, TarEntry, string][] = [
    ['a symbolic link', { name: 'l', type: '2', link: '/etc/passwd' }, 'entry "l" is a symbolic link'],
    ['a hard link', { name: 'l', type: '1', link: 'fine' }, 'entry "l" is a hard link'],
    ['a character device', { name: 'd', type: '3' }, 'is a character device'],
    ['a block device', { name: 'd', type: '4' }, 'is a block device'],
    ['a named pipe', { name: 'p', type: '6' }, 'is a named pipe'],
    ['a sparse file', { name: 's', type: 'S' }, 'is of an unknown type (SparseFile)'],
    ['an invented type', { name: 's', type: 'q' }, 'is of an unknown type'],
  ]
  test.each(tarEntries)('%s in a tarball', async (_, entry, message) => {
    expect(await refusalOf('a.tar.gz', makeTarball([{ name: 'fine' }, entry]))).toContain(message)
  })
})

describe('limits', () => {
  const zeros = Buffer.alloc(300_000)

  test.each(['a.mar', 'a.tar.gz'])('%s with too many entries', async name => {
    const entries = Array.from({ length: 6 }, (_, index) => ({ name: `f${index}` }))
    const content = name === 'a.mar' ? makeZip(entries) : makeTarball(entries)
    expect(await refusalOf(name, content, { maxEntries: 5 })).toContain('it holds more than 5 entries')
  })

  test.each(['a.mar', 'a.tar.gz'])('%s that grows too large', async name => {
    const entries = [
      { name: 'a', data: zeros },
      { name: 'b', data: zeros },
    ]
    const content = name === 'a.mar' ? makeZip(entries) : makeTarball(entries)
    expect(
      await refusalOf(name, content, {
        maxBytes: 500_000,
      }),
    ).toContain('it holds more than 500000 bytes when unpacked')
  })

  test.each(['a.mar', 'a.tar.gz'])('%s that grows out of proportion', async name => {
    const entries = [{ name: 'a', data: zeros }]
    const content = name === 'a.mar' ? makeZip(entries) : makeTarball(entries)
    const limits = { maxRatio: 100, ratioFromBytes: 100_000 }
    expect(await refusalOf(name, content, limits)).toContain(
      'it grows to more than 100 times its size when unpacked',
    )
  })

  test('bytes that follow the end of a tarball count too', async () => {
    const bomb = Buffer.concat([makeTarball([{ name: 'a' }]), gzipSync(zeros)])
    expect(await refusalOf('a.tar.gz', bomb, { maxBytes: 200_000 })).toContain(
      'it holds more than 200000 bytes',
    )
  })

  test('weights that are zero pass below the size from which the ratio counts', async () => {
    const folder = await fresh()
    const path = await fileIn(folder, 'a.mar', makeZip([{ name: 'w', data: Buffer.alloc(20_000_000) }]))
    const archive = await openArchive(path, { workDir: join(folder, 'work') })
    expect((await stat(join(archive.dir, 'w'))).size).toBe(20_000_000)
  })
})

describe('archives that lie about themselves', () => {
  test.each([
    ['less', { size: 3 }, 'entry "a" has another size than the archive declares'],
    ['more', { size: 50_000 }, 'entry "a" has another size than the archive declares'],
  ])('a zip that declares %s than there is', async (_, declares, message) => {
    expect(await refusalOf('a.mar', makeZip([{ name: 'a', data: 'hello world', declares }]))).toContain(
      message,
    )
  })

  test('a zip with a wrong checksum', async () => {
    expect(await refusalOf('a.mar', makeZip([{ name: 'a', data: 'x', declares: { crc: 7 } }]))).toContain(
      'its checksum is wrong',
    )
  })

  test('a zip whose compressed data is noise', async () => {
    const content = makeZip([{ name: 'a', data: Buffer.from('hello hello hello hello') }])
    content.fill(0xff, 31, 36)
    expect(await refusalOf('a.mar', content)).toContain('it is damaged or truncated')
  })

  test.each([2n ** 63n, 2n ** 40n])('a zip that points %i bytes far', async zip64Offset => {
    expect(await refusalOf('a.mar', makeZip([{ name: 'a', zip64Offset }]))).toContain('it ends too early')
  })

  test('a tarball entry that is longer than the tarball', async () => {
    expect(await refusalOf('a.tar.gz', makeTarball([{ name: 'a', size: 9_000_000 }]))).toContain(
      'it ends in the middle of an entry',
    )
  })

  test('a gzip file that is no tarball', async () => {
    expect(await refusalOf('a.tar.gz', gzipSync(Buffer.alloc(2048, 'no tar')))).toContain(
      'it is not a tar archive',
    )
  })

  test('a tarball with headers of many megabytes', async () => {
    expect(
      await refusalOf('a.tar.gz', makeTarball([{ name: 'x', type: 'x', data: Buffer.alloc(2 ** 21, 'a') }])),
    ).toContain('a header of')
  })
})
