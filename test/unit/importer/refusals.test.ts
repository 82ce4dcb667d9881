/** What cannot be imported is refused by name and place, in bounded time, and nothing of it is ever run. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Failure } from '../../../src/errors.ts'
import { importTorchScript } from '../../../src/importer/import.ts'
import { parseInputFlag } from '../../../src/importer/inputs.ts'
import { readStateDict } from '../../../src/importer/state-dict.ts'
import { fixture } from '../../support/torchscript-cases.ts'
import { makeZip } from '../../support/hostile-archives.ts'
import {
  forward,
  modulePickle,
  objectPickle,
  repeatedNumber,
  torchScript,
  zipOf,
} from '../../support/zip-bytes.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'importer-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** The text of the refusal of an archive with these bytes. */
async function refusalOf(bytes: Buffer, input = 'x=float32[batch,4]'): Promise<string> {
  const path = join(folder, 'model.pt')
  await writeFile(path, bytes)
  try {
    const result = await importTorchScript(path, { inputs: [parseInputFlag(input)] })
    result.close()
    return 'imported'
  } catch (error) {
    expect(error).toBeInstanceOf(Failure)
    expect(error).toMatchObject({ code: 'IMPORT_REFUSED', http: 400, type: 'InvalidModelException' })
    return String(error)
  }
}

const program = (...lines: string[]) => refusalOf(torchScript(forward(...lines)))

test('a small program is imported', async () => {
  expect(await program('return torch.relu(x)')).toBe('imported')
})

test('an operator that is not known is named with file and line', async () => {
  expect(await program('y = torch.frobnicate(x)', 'return y')).toContain(
    '__torch__.py:7: aten::frobnicate: this operator is not supported',
  )
  expect(await program('return ops.mylib.foo(x)')).toContain('mylib::foo')
})

test('an argument that a mapping does not use is refused by its name', async () => {
  expect(await program('return torch.sum(x, [1], False, dtype=6)')).toBe('imported')
  expect(await program('return torch.median(x, 1, False, True)')).toContain('aten::median')
  expect(await program('return torch.searchsorted(x, x, sorter=x)')).toContain('not supported')
  expect(await program('return torch.zeros_like(x, dtype=9)')).toContain('scalar type 9')
  expect(await program('return torch.dropout(x, 0.5, False, surprise=1)')).toContain('surprise=1')
})

test('a write whose effect cannot be followed is refused', async () => {
  const write = ['y = torch.contiguous(x)', '_0 = torch.add_(y, 1)']
  expect(await program(...write, 'return x')).toContain('clone()')
  expect(await program(...write, 'return y')).toBe('imported')
  expect(await program('y = torch.expand(x, [3, -1, -1])', '_0 = torch.zero_(y)', 'return y')).toContain(
    'cannot be followed',
  )
})

test('shapes that depend on the data are refused', async () => {
  expect(await program('return torch.nonzero(x)')).toContain('depends on the data')
  expect(await program('return torch.masked_select(x, torch.gt(x, 0))')).toContain('depends on the data')
})

test('a size that a trace holds is refused where the batch does not fit it', async () => {
  expect(await program('return torch.view(x, [2, 4])')).toContain(
    '[batch, 4] is not known to fit the shape [2, 4]',
  )
})

test('random numbers are refused', async () => {
  expect(await program('return torch.add(x, torch.rand_like(x))')).toContain('random')
})

test('what the model itself raises is told', async () => {
  expect(await program('ops.prim.RaiseException("no dogs allowed")', 'return x')).toContain('no dogs allowed')
})

test('a value of a branch that both branches disagree on is refused when it is used', async () => {
  const lines = [
    'if bool(torch.gt(torch.sum(x), 0)):',
    '  y = torch.sum(x, [1])',
    'else:',
    '  y = x',
    'return y',
  ]
  expect(await program(...lines)).toContain('different kinds')
})

test('a loop that never ends while importing runs out of fuel', async () => {
  expect(await program('while True:', '  y = torch.relu(x)', 'return x')).toMatch(/rounds|steps|nodes/)
})

test('functions that call themselves for ever are refused', async () => {
  const code = `${forward('return __torch__.f(x)')}def f(x: Tensor) -> Tensor:\n  return __torch__.f(x)\n`
  expect(await refusalOf(torchScript(code))).toContain('deep')
})

test('code that nests ten thousand deep is refused', async () => {
  expect(await program(`return ${'('.repeat(10_000)}x${')'.repeat(10_000)}`)).toContain('deep')
  expect(await program(`return ${'-'.repeat(10_000)}1`)).toMatch(/deep|number is expected/)
  const blocks = Array.from({ length: 10_000 }, (_, depth) => `${' '.repeat(depth)}if True:`)
  expect(await program(...blocks)).toContain('deep')
})

test('text that is no program is refused with its line', async () => {
  for (const code of [
    'import os\n',
    'class\n',
    'def f(:\n',
    'x = $\n',
    '  \x00\n',
    forward('return x').slice(0, -4),
  ])
    expect(await refusalOf(torchScript(code))).toMatch(/imported: (__torch__\.py:\d+|.*has no)/)
})

test('a pickle that wants to run a command is refused and nothing is run', async () => {
  const pickle = Buffer.from('\x80\x02cposix\nsystem\nX\x06\x00\x00\x00exit 1\x85R.', 'latin1')
  expect(await refusalOf(torchScript(forward('return x'), pickle))).toContain('"posix.system"')
})

test('pickles that are damaged, endless or recursive are refused', async () => {
  const whole = modulePickle('__torch__.M')
  for (let length = 0; length < whole.length; length++)
    expect(await refusalOf(torchScript(forward('return x'), whole.subarray(0, length)))).toContain('pickle')
  const recursive = Buffer.from('\x80\x02]q\x00h\x00a.', 'latin1')
  expect(await refusalOf(torchScript(forward('return x'), recursive))).toContain('no module')
  expect(await refusalOf(torchScript(forward('return x'), Buffer.from('\x80\x04N.', 'latin1')))).toContain(
    'protocol 4',
  )
})

test('a small file whose tensors repeat one number does not become a graph that fills the disk', async () => {
  const names = ['a', 'b', 'c', 'd', 'e']
  const tensors = Object.fromEntries(names.map((name, index) => [name, repeatedNumber([4096, 4096 - index])]))
  const sums = names.map(name => `x = torch.add(x, torch.sum(self.${name}))`)
  const archive = torchScript(forward(...sums, 'return x'), objectPickle(tensors), {
    'm/data/0': Buffer.alloc(4),
  })
  expect(await refusalOf(archive)).toMatch(/335380480 bytes of constants, which is more than/)
})

test('pairs of pairs of pairs are gone through once', async () => {
  const pairs = Buffer.concat([
    Buffer.from(')q\x00', 'latin1'),
    ...Array.from({ length: 60 }, () => Buffer.from('h\x00h\x00\x86q\x00', 'latin1')),
  ])
  // The pairs above are left on the stack of the pickle; a tuple of all of them is one value.
  const value = Buffer.concat([Buffer.from('('), pairs, Buffer.from('t')])
  const archive = torchScript(
    forward('y = self.pairs', 'return torch.relu(x)'),
    objectPickle({ pairs: value }),
  )
  expect(await refusalOf(archive)).toBe('imported')
})

test('weights of modules that stand in a thousand million places are refused', async () => {
  const path = join(folder, 'places.pt')
  const memo = (opcode: string, level: number) => Buffer.from([opcode.charCodeAt(0), level])
  const module = (level: number): Buffer => {
    const attributes = level === 0 ? {} : { a: module(level - 1), b: memo('h', level - 1) }
    // Without the protocol in front and the stop behind.
    return Buffer.concat([objectPickle(attributes).subarray(2, -1), memo('q', level)])
  }
  const data = Buffer.concat([Buffer.from('\x80\x02', 'latin1'), module(30), Buffer.from('.')])
  await writeFile(path, torchScript(forward('return x'), data))
  expect(() => readStateDict(path)).toThrow('more than 100000 modules')
})

test('an entry whose sizes disagree is refused before it is read', async () => {
  const entries = [
    { name: 'm/data.pkl', data: modulePickle('__torch__.M'), method: 0 },
    { name: 'm/constants.pkl', data: Buffer.from([0x80, 2, 0x29, 0x2e]), method: 0 },
    { name: 'm/version', data: '3'.repeat(10_000), method: 0, declares: { size: 2 } },
  ]
  expect(await refusalOf(makeZip(entries))).toContain('"m/version" does not have the size it declares')
})

test('files that are no archive are refused, whatever their length', async () => {
  expect(await refusalOf(Buffer.alloc(0))).toContain('not a zip')
  expect(await refusalOf(Buffer.alloc(100_000, 1))).toContain('not a zip')
  expect(await refusalOf(zipOf({ 'readme.txt': 'hello' }))).toContain('not one of PyTorch')
  const whole = await readFile(fixture('digits/digits.pt'))
  for (const share of [0.1, 0.5, 0.9, 0.99])
    expect(await refusalOf(whole.subarray(0, whole.length * share))).toContain('zip')
})

test('bytes changed anywhere give a refusal or a graph, never a crash', async () => {
  const whole = await readFile(fixture('torchscript/branch/branch.pt'))
  let seed = 7
  const next = (limit: number) => (seed = (seed * 48_271) % 2_147_483_647) % limit
  for (let round = 0; round < 150; round++) {
    const bytes = Buffer.from(whole)
    for (let change = 0; change < 3; change++) bytes[next(bytes.length)] = next(256)
    expect(await refusalOf(bytes)).toBeTypeOf('string')
  }
})

test('weights without a program say what is missing', async () => {
  const text = await refusalOf(await readFile(fixture('digits/digits.pth')))
  expect(text).toContain('only weights')
  expect(text).toContain('torch.jit.script')
})

test('versions that are too new are refused', async () => {
  const archive = zipOf({
    'm/data.pkl': modulePickle('__torch__.M'),
    'm/constants.pkl': Buffer.from([0x80, 2, 0x29, 0x2e]),
    'm/version': '999\n',
  })
  expect(await refusalOf(archive)).toContain('its version is 999')
})

test('inputs that are described wrongly are refused with an example', async () => {
  for (const text of [
    'x',
    'x=float32',
    'x=float99[1]',
    '1x=float32[1]',
    'x=float32[-1]',
    'x=float32[a b c,]',
  ])
    expect(() => parseInputFlag(text)).toThrow(/input|size|type/)
  expect(await refusalOf(torchScript(forward('return x')), 'x=float32[batch,4]')).toBe('imported')
})
