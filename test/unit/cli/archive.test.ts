import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { archive } from '../../../src/cli/archive.ts'
import { digitsOnnx, fileIn, freshFolders } from '../../support/archive-fixtures.ts'

const fresh = freshFolders()

async function run(...args: string[]) {
  const said = { out: '', err: '' }
  const code = await archive.run(args, {
    out: text => {
      said.out += text
    },
    err: text => {
      said.err += text
    },
  })
  return { code, ...said }
}

test('torch-model-archiver’s flags make an archive, and its path and size are told', async () => {
  const folder = await fresh()
  const config = await fileIn(folder, 'model-config.yaml', 'batchSize: 2\n')
  const requirements = await fileIn(folder, 'requirements.txt', 'numpy\n')
  const model = ['--model-name', 'digits', '-v', '1.0', '--serialized-file', digitsOnnx]
  const rest = [
    '--handler',
    'image_classifier',
    '--export-path',
    folder,
    '-c',
    config,
    '-r',
    requirements,
    '-f',
  ]
  const { code, out, err } = await run(
    ...model,
    ...rest,
    '--runtime',
    'python3',
    '--archive-format',
    'zip-store',
  )
  expect(err).toBe('')
  expect(out).toMatch(/^Wrote .*digits\.mar \(15\d\.\d kB\)\n$/)
  expect(out).toContain(join(folder, 'digits.mar'))
  expect(code).toBe(0)
})

test('the help names every flag', async () => {
  const { code, out } = await run('--help')
  expect(code).toBe(0)
  for (const flag of [
    '--model-name',
    '--extra-files',
    '--archive-format',
    '-f, --force',
    '-c, --config-file',
  ]) {
    expect(out).toContain(flag)
  }
})

test.each([
  [['--version', '1.0', '--handler', 'x'], '--model-name is missing'],
  [['--model-name', 'm', '--handler', 'x'], '--version is missing'],
  [['--model-name', 'm', '-v', '1'], '--handler is missing'],
  [['--modle-name', 'm'], 'There is no flag --modle-name; did you mean --model-name?'],
  [
    ['--model-name', 'm', '-v', '1', '--handler', 'x', '--archive-format', 'rar'],
    '--archive-format is "rar"; expected one of',
  ],
  [
    ['--model-name', 'm', '-v', '1', '--handler', 'x', '--serialized-file', 'no.onnx'],
    'no.onnx is not a file',
  ],
])('%j exits with 1 and says why', async (args, message) => {
  const folder = await fresh()
  const { code, out, err } = await run(...args, '--export-path', folder)
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toContain(message)
  expect(await readdir(folder)).toEqual([])
})

test('what the server would not serve is packed with a warning', async () => {
  const folder = await fresh()
  const pack = async (handler: string, file: string, ...more: string[]) => {
    const args = ['--model-name', 'odd', '-v', '1.0', '--export-path', folder, '-f', ...more]
    return run(...args, '--handler', handler, '--serialized-file', file)
  }
  const noModel = await fileIn(folder, 'weights.bin', 'PK')
  expect((await pack('image_clasifier', digitsOnnx)).err).toContain(
    'or a .ts, .js or .mjs file of your own; did you mean image_classifier?\n',
  )
  expect((await pack('base_handler', noModel)).err).toContain('weights.bin is not a model that can be served')
  const noOnnx = await fileIn(folder, 'page.onnx', '<html>')
  expect((await pack('base_handler', noOnnx)).err).toContain('page.onnx does not look like ONNX')
  const empty = await fileIn(folder, 'empty.pt', '')
  expect((await pack('base_handler', empty)).err).toContain('empty.pt does not look like TorchScript')
  const config = await fileIn(folder, 'model-config.yaml', 'batch_size: 8\n')
  const warned = await pack('base_handler', digitsOnnx, '-c', config)
  expect([warned.code, warned.err]).toEqual([0, expect.stringContaining('did you mean batchSize?')])
})
