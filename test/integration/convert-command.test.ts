/** `sconce convert`, and `sconce archive --convert`. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openArchive } from '../../src/archive/reader.ts'
import { archive } from '../../src/cli/archive.ts'
import type { Command } from '../../src/cli/command.ts'
import { convert } from '../../src/cli/convert.ts'
import { openSession } from '../../src/runtime/session.ts'
import type { Tensor } from '../../src/runtime/tensor.ts'
import { fileIn, freshFolders } from '../support/archive-fixtures.ts'

const fresh = freshFolders()
const fixtures = join(import.meta.dirname, '../fixtures')
const digits = join(fixtures, 'digits/digits.pt')
const IMAGE = 'image=float32[batch,1,8,8]'

async function run(command: Command, ...args: string[]) {
  const said = { out: '', err: '' }
  const code = await command.run(args, {
    out: text => {
      said.out += text
    },
    err: text => {
      said.err += text
    },
  })
  return { code, ...said }
}

test('a PyTorch file becomes an ONNX file with the same answers, and a report', async () => {
  const folder = await fresh()
  const output = join(folder, 'net.onnx')
  const { code, out, err } = await run(convert, digits, '-o', output, '--input', IMAGE)
  expect({ code, stages: err.split('\n').length - 1 }).toEqual({ code: 0, stages: 5 })
  expect(out).toMatch(/^Wrote .*net\.onnx: \d+ nodes, opset \d+, 38,\d+ parameters\n/)
  expect(out).toContain('  input   image: float32 [batch, 1, 8, 8]\n  output  output: float32 [batch, 10]\n')
  expect(await readdir(folder)).toEqual(['net.onnx'])

  const image: Tensor = {
    type: 'float32',
    dims: [2, 1, 8, 8],
    data: Float32Array.from({ length: 128 }, (_, i) => (i % 17) / 16),
  }
  const [got, wanted] = await Promise.all(
    [output, join(fixtures, 'digits/digits.onnx')].map(async file => {
      const session = await openSession(file, { threads: 1 })
      const [answer] = Object.values(await session.run({ image }))
      await session.close()
      return [...((answer?.data ?? []) as Float32Array)]
    }),
  )
  expect(got).toHaveLength(20)
  got?.forEach((value, index) => expect(Math.abs(value - (wanted?.[index] ?? NaN))).toBeLessThan(1e-5))
})

test('the report is JSON where that is asked for, and says what was guessed', async () => {
  const output = join(await fresh(), 'net.onnx')
  const { out } = await run(convert, digits, '-o', output, '--json', '--no-verify')
  expect(JSON.parse(out)).toMatchObject({ output, guessed: ['x=float32[batch,1,8,8]'], warnings: [] })
})

test.each([
  [['no.pt'], /no\.pt is not a file/],
  [[], /One PyTorch file is expected/],
  [[digits, '-o', '/nowhere/x.onnx'], /The folder \/nowhere is not there/],
  [[digits, '--input', 'image=float32'], /write it like "image=float32\[batch,3,224,224\]"/],
  [[join(fixtures, 'digits/digits.pth')], /weights/],
  [[digits, '--wrong'], /--wrong/],
])('convert %j fails with a reason', async (args, reason) => {
  const folder = await fresh()
  const target = args.includes('-o') || args.length === 0 ? [] : ['-o', join(folder, 'net.onnx')]
  const { code, out, err } = await run(convert, ...args, ...target)
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toMatch(reason)
  expect(await readdir(folder)).toEqual([])
})

test('an archive may take the PyTorch file as it is, or what it is converted to', async () => {
  const folder = await fresh()
  const config = await fileIn(
    folder,
    'model-config.yaml',
    'inputs:\n  - { name: image, dtype: float32, shape: [batch, 1, 8, 8] }\n',
  )
  const flags = [
    '--version',
    '1.0',
    '--handler',
    'base_handler',
    '--serialized-file',
    digits,
    '-c',
    config,
    '--export-path',
    folder,
  ]
  expect(await run(archive, '--model-name', 'plain', ...flags)).toMatchObject({ code: 0, err: '' })
  expect(await run(archive, '--model-name', 'converted', '--convert', ...flags)).toMatchObject({
    code: 0,
    err: '',
  })
  const [plain, converted] = await Promise.all(
    ['plain', 'converted'].map(name =>
      openArchive(join(folder, `${name}.mar`), { workDir: join(folder, 'work') }),
    ),
  )
  expect(plain).toMatchObject({ serializedFile: 'digits.pt', modelFile: undefined })
  expect(await readFile(plain?.torchFile ?? '')).toEqual(await readFile(digits))
  expect(converted).toMatchObject({ serializedFile: 'digits.onnx', torchFile: undefined })
  const session = await openSession(converted?.modelFile ?? '', { threads: 1 })
  expect(session.graph.inputs).toEqual([{ name: 'image', type: 'float32', shape: ['batch', 1, 8, 8] }])
  await session.close()
})

test('--input without --convert is a mistake that is told', async () => {
  const { code, err } = await run(
    archive,
    '--model-name',
    'm',
    '--version',
    '1',
    '--handler',
    'h',
    '--input',
    IMAGE,
  )
  expect(code).toBe(1)
  expect(err).toContain('--input stands only with --convert')
})
