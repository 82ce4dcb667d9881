import { readFileSync } from 'node:fs'
import type * as ort from 'onnxruntime-node'
import { importTorchScript, type ImportReport } from '../../src/importer/import.ts'
import { parseInputFlag } from '../../src/importer/inputs.ts'
import { difference, runModel } from './onnx-run.ts'
import { readNpy } from './npy.ts'

const fixtures = new URL('../fixtures/', import.meta.url).pathname

/** The path of a file below test/fixtures. */
export const fixture = (path: string): string => `${fixtures}${path}`

interface Case {
  readonly inputs: ort.Tensor[]
  readonly outputs: ort.Tensor[]
}

/** What PyTorch answered, as recorded in a folder below test/fixtures/torchscript. */
export function recordedCases(folder: string): Case[] {
  const path = fixture(`torchscript/${folder}/cases/`)
  const { cases } = JSON.parse(readFileSync(`${path}cases.json`, 'utf8')) as {
    cases: Record<'inputs' | 'outputs', string[]>[]
  }
  const load = (name: string) => readNpy(path + name)
  return cases.map(({ inputs, outputs }) => ({ inputs: inputs.map(load), outputs: outputs.map(load) }))
}

/** Imports an archive and runs every recorded case; gives the largest difference, relative to answers above 1. */
export async function compareWithPyTorch(
  archive: string,
  folder: string,
  inputs: readonly string[],
): Promise<{ worst: number; report: ImportReport }> {
  const result = await importTorchScript(fixture(archive), { inputs: inputs.map(parseInputFlag) })
  try {
    const model = result.bytes()
    let worst = 0
    for (const { inputs: given, outputs } of recordedCases(folder)) {
      const got = await runModel(model, given)
      if (got.length !== outputs.length) return { worst: Infinity, report: result.report }
      outputs.forEach((wanted, index) => {
        worst = Math.max(worst, difference(got[index], wanted))
      })
    }
    return { worst, report: result.report }
  } finally {
    result.close()
  }
}
