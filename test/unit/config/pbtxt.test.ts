import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../../src/config/load.ts'
import { isPbtxt, readDeclaration } from '../../../src/config/pbtxt.ts'
import { freshFolders } from '../../support/archive-fixtures.ts'

const fresh = freshFolders()

function read(text: string) {
  const { values, ...rest } = readDeclaration(text, 'config.pbtxt')
  return { ...rest, values: Object.fromEntries(Array.from(values, ([key, given]) => [key, given.text])) }
}

describe('a declaration', () => {
  const plain =
    'name: "resnet18"\nhandler: "image_classifier"\nmodel_path: "models/resnet18.pt"\ndevice: "cpu"\n'
  const expected = {
    values: { load_models: 'resnet18=resnet18.pt', model_store: 'models' },
    handler: 'image_classifier',
    problems: [],
    warnings: [],
  }

  test.each([
    ['as it is usually written', plain],
    ['with comments and blank lines', `# the model\n\n${plain.replaceAll('\n', '  # why\n')}`],
    ['with single quotes and commas', plain.replaceAll('"', "'").replaceAll('\n', ',\n')],
    ['without quotes and colons', plain.replaceAll('"', '').replaceAll(':', '')],
    ['on one line, with semicolons', plain.replaceAll('\n', '; ')],
    ['with texts in parts', plain.replace('"resnet18"', '"res" \'net\'\n  "18"')],
    ['from Windows', `\uFEFF${plain.replaceAll('\n', '\r\n')}`],
  ])('%s is read', (_, text) => {
    expect(read(text)).toEqual(expected)
  })

  test('torchscript is the base handler, and no handler is the archive’s own', () => {
    expect(read('name: "a" model_path: "a.mar" handler: "torchscript"').handler).toBe('base_handler')
    expect(read('name: "a" model_path: "/srv/a.mar"')).toMatchObject({
      handler: undefined,
      values: { load_models: 'a=a.mar', model_store: '/srv' },
    })
  })

  test('a bare file name lies in the current directory, and escapes are resolved', () => {
    expect(read('name: "a" model_path: "it\\\'s\\\\a.mar"').values).toEqual({
      load_models: "a=it's\\a.mar",
      model_store: '.',
    })
  })

  test('a device that is no CPU has no effect, and that is told', () => {
    expect(read(plain.replace('"cpu"', '"cuda:0"'))).toEqual({
      ...expected,
      warnings: ['config.pbtxt line 4: device cuda:0 has no effect: models run on the CPU'],
    })
  })

  test.each([
    ['', 'config.pbtxt: name is missing'],
    ['name: "a"', 'config.pbtxt: model_path is missing'],
    ['name: "a"\n\nmodle_path: "x"', 'line 3: unknown field modle_path; did you mean model_path?'],
    ['max_batch_size: 8\nname: "a"', 'line 1: unknown field max_batch_size; known are name, handler'],
    ['name: "a"\nname: "b"', 'line 2: name stands on line 1 already'],
    ['name: "a"\ninput [ { name: "x" } ]', 'line 2: input needs a text as its value, found "["'],
    ['name: { x: 1 }', 'line 1: name needs a text as its value, found "{"'],
    ['name: "a\nmodel_path: "b"', 'line 1: name needs a text as its value; the quote is not closed'],
    ['name: "a\\qb"', 'there is no escape'],
    ['name:', 'line 1: name needs a text as its value'],
    ['name: ,', 'line 1: name needs a text as its value'],
    [': "a"', 'line 1: expected the name of a field'],
    ['"name": "a"', 'line 1: expected the name of a field'],
    ['name: "-a" model_path: "x"', 'line 1: name is -a; expected letters'],
    ['name: "a/b" model_path: "x"', 'line 1: name is "a/b"; expected letters'],
    ['name: "a" model_path: "x,b=y"', 'model_path is "x,b=y"; expected the path'],
    ['name: "a" model_path: "x/.."', 'expected the path'],
    ['name: "a" model_path: ""', 'expected the path'],
    ['name: "a" model_path: "x" handler: "../evil.js"', 'handler is "../evil.js"; expected torchscript'],
    ['name: "a" model_path: "x" device: "toaster"', 'device is toaster; expected cpu'],
    ['\0\0\0', 'line 1: expected the name of a field, found "\\u0000"'],
  ])('%j is refused', (text, problem) => {
    const { problems, values } = read(text)
    expect(problems.join('\n')).toContain(problem)
    expect(values).toEqual({})
  })

  test('a long hostile text is read in no time', () => {
    const start = performance.now()
    read(`${'"'.repeat(200_000)}\n${'name '.repeat(50_000)}\n${'\\'.repeat(100_000)}`)
    expect(performance.now() - start).toBeLessThan(2000)
  })
})

test('the file is known by its ending', () => {
  expect(['config.pbtxt', 'a.TEXTPROTO', 'b.txtpb'].every(isPbtxt)).toBe(true)
  expect(['config.properties', 'pbtxt', '20250101000000000-startup.cfg'].some(isPbtxt)).toBe(false)
})

async function started(text: string) {
  const cwd = await fresh()
  await mkdir(join(cwd, 'models'))
  await mkdir(join(cwd, 'other'))
  await writeFile(join(cwd, 'config.pbtxt'), text)
  return {
    cwd,
    load: (...flags: string[]) =>
      loadConfig({ argv: ['--ts-config', 'config.pbtxt', ...flags], env: {}, cwd }),
  }
}

describe('as --ts-config', () => {
  const text = 'name: "net"\nhandler: "torchscript"\nmodel_path: "models/net.onnx"\n'

  test('it declares the model store and the model with its handler', async () => {
    const { cwd, load } = await started(text)
    const { config, sources } = await load()
    expect(config.models.store).toBe(join(cwd, 'models'))
    expect(config.models.load).toEqual([{ name: 'net', location: 'net.onnx', handler: 'base_handler' }])
    expect(sources).toEqual({ model_store: 'config.pbtxt line 3', load_models: 'config.pbtxt line 3' })
  })

  test('flags win over it, and its handler is for its own model only', async () => {
    const { cwd, load } = await started(text)
    const { config } = await load('--model-store', 'other', '--models', 'a=b.mar')
    expect(config.models.store).toBe(join(cwd, 'other'))
    expect(config.models.load).toEqual([{ name: 'a', location: 'b.mar' }])
  })

  test('what is wrong in it stops the start with its line', async () => {
    const { load } = await started(`${text}devise: "cpu"\n`)
    await expect(load()).rejects.toMatchObject({
      code: 'BAD_CONFIG',
      message: expect.stringContaining('config.pbtxt line 4: unknown field devise; did you mean device?'),
    })
  })
})
