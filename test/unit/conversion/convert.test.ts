import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { convert, type ConverterOptions } from '../../../src/conversion/convert.ts'
import { converterOptions } from '../../../src/conversion/surroundings.ts'
import type { InputSpec } from '../../../src/importer/inputs.ts'
import { freshFolders } from '../../support/archive-fixtures.ts'
import { home } from '../../support/server.ts'
import { thrown } from '../../support/thrown.ts'
import { rewriteTorchFile } from '../../support/torch-files.ts'

const fresh = freshFolders()
const fixtures = join(import.meta.dirname, '../../fixtures')
const digits = join(fixtures, 'digits/digits.pt')
const options = converterOptions(60_000)
const image: InputSpec = { name: 'image', dtype: 'float32', shape: ['batch', 1, 8, 8] }

async function run(
  file: string,
  inputs: readonly InputSpec[] | undefined,
  more: Partial<ConverterOptions> = {},
) {
  const folder = await fresh()
  const stages: string[] = []
  const order = { file, inputs, output: join(folder, 'model.onnx'), isChecked: true }
  const report = await convert(order, { ...options, ...more }, stage => stages.push(stage))
  return { report, stages, files: await readdir(folder) }
}

/** Digits with another line in its `forward`. */
async function digitsWith(line: string, instead: string): Promise<string> {
  const file = join(await fresh(), 'changed.pt')
  await rewriteTorchFile(digits, file, (code, name) =>
    name.endsWith('__torch__.py') ? code.replace(line, instead) : code,
  )
  return file
}

test('a process imports, writes and checks, and tells each stage', async () => {
  const { report, stages, files } = await run(digits, [image])
  expect(stages).toEqual(['reading', 'evaluating', 'building', 'writing', 'checking'])
  expect(files).toEqual(['model.onnx'])
  expect(report).toMatchObject({
    inputs: [{ name: 'image', dtype: 'float32', shape: ['batch', '1', '8', '8'] }],
    outputs: [{ dtype: 'float32', shape: ['batch', '10'] }],
    warnings: [],
  })
})

test('an import that takes too long is ended, and the limit is named', async () => {
  const failure = await thrown(() => run(digits, [image], { timeLimitMs: 20 }))
  expect(failure.code).toBe('IMPORT_REFUSED')
  expect(failure.message).toContain('took longer than 0.02 seconds, which is the limit (import_timeout)')
})

test.runIf(process.platform === 'linux')('an import that takes too much memory is ended', async () => {
  const failure = await thrown(() => run(digits, [image], { memoryLimitBytes: 1 }))
  expect(failure.message).toMatch(/needs more than 0 MB of memory/)
})

test('a program that loops for ever is refused with its place', async () => {
  const file = await digitsWith(
    '    bn1 = self.bn1\n',
    '    _loop = True\n    _i = 0\n    while _loop:\n      _i0 = torch.add(_i, 1)\n      _loop0, _i = True, _i0\n' +
      '      _loop = _loop0\n    bn1 = self.bn1\n',
  )
  const failure = await thrown(() => run(file, [image]))
  expect(failure.code).toBe('IMPORT_REFUSED')
  expect(failure.message).toMatch(/__torch__\.py:\d+: /)
})

test('a size that the program holds from its example is refused with its place and the fixed batch', async () => {
  const file = await digitsWith('torch.flatten(x2, 1)', 'torch.view(x2, [1, 512])')
  const failure = await thrown(() => run(file, [image]))
  expect(failure.code).toBe('IMPORT_REFUSED')
  expect(failure.message).toMatch(/__torch__\.py:26: aten::view: /)
  expect(failure.message).toContain('with a fixed batch it can be imported: --input "image=float32[1,1,8,8]"')
  const fixed: InputSpec = { ...image, shape: [1, 1, 8, 8] }
  expect((await run(file, [fixed])).report.outputs[0]?.shape).toEqual(['1', '10'])
})

test('what the process may not read it cannot read', async () => {
  const failure = await thrown(() => run(digits, [image], { readable: [] }))
  expect(failure).toMatchObject({ code: 'IMPORT_FAILED', http: 500 })
  expect(failure.message).not.toContain(home)
})
