/** Weights of a state_dict go into a model by name. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { importTorchScript } from '../../../src/importer/import.ts'
import { parseInputFlag } from '../../../src/importer/inputs.ts'
import { swapOnnxWeights } from '../../../src/importer/onnx-weights.ts'
import { readStateDict } from '../../../src/importer/state-dict.ts'
import { difference, runModel } from '../../support/onnx-run.ts'
import { fixture, recordedCases } from '../../support/torchscript-cases.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weights-'))
})
afterAll(() => rm(folder, { recursive: true }))

const inputs = [parseInputFlag('image=float32[batch,1,8,8]')]

async function answersLikePyTorch(model: Buffer): Promise<boolean> {
  for (const { inputs: given, outputs } of recordedCases('digits')) {
    const [got] = await runModel(model, given)
    if (outputs[0] === undefined || difference(got, outputs[0]) > 1e-5) return false
  }
  return true
}

test('the weights of a .pth are read by name', () => {
  const weights = readStateDict(fixture('digits/digits.pth'))
  expect([...weights.tensors.keys()]).toContain('conv1.weight')
  expect(weights.tensors.get('conv1.weight')?.shape).toHaveLength(4)
  weights.close()
})

test('a TorchScript file with the weights of a .pth answers like the model they came from', async () => {
  const weights = readStateDict(fixture('digits/digits.pth'))
  const result = await importTorchScript(fixture('digits/digits.pt'), { inputs, weights })
  expect(await answersLikePyTorch(result.bytes())).toBe(true)
  result.close()
  weights.close()
})

test('an ONNX file takes the weights of a .pth by name', async () => {
  const weights = readStateDict(fixture('digits/digits.pth'))
  const result = await importTorchScript(fixture('digits/digits.pt'), { inputs })
  const [model, blank, target] = ['model', 'blank', 'target'].map(name => join(folder, `${name}.onnx`))
  await result.write(model ?? '')
  result.close()
  expect(await swapOnnxWeights(model ?? '', weights, target ?? '')).toBeGreaterThan(8)
  expect(await answersLikePyTorch(await readFile(target ?? ''))).toBe(true)
  expect(blank).toContain('blank')
  weights.close()
})

test('weights of another model are refused with the names that do not fit', async () => {
  const weights = readStateDict(fixture('fraud/fraud.pt'))
  const attempt = importTorchScript(fixture('digits/digits.pt'), { inputs, weights })
  await expect(attempt).rejects.toThrow(/missing: conv1\.weight.*unexpected: /)
  weights.close()
})
