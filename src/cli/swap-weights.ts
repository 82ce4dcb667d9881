/** `sconce swap-weights`: a model with other weights of the same shapes, without exporting it again. */
import { extname } from 'node:path'
import { parseArgs, type ParseArgsConfig } from 'node:util'
import { importTorchScript } from '../importer/import.ts'
import { parseInputFlag } from '../importer/inputs.ts'
import { swapOnnxWeights } from '../importer/onnx-weights.ts'
import { asFailure } from '../importer/refusal.ts'
import { readStateDict, type StateDict } from '../importer/state-dict.ts'
import type { Command, CommandIo } from './command.ts'

const flags = {
  'model-file': { type: 'string' },
  output: { type: 'string', short: 'o' },
  input: { type: 'string', multiple: true },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsConfig['options']

const usage = `Usage: sconce swap-weights WEIGHTS.pth --model-file MODEL -o MODEL.onnx [options]

Writes a model with the weights of torch.save(model.state_dict(), "WEIGHTS.pth"). No Python is run. The names and shapes
must be those of the model; an error lists the ones that are not.

Options:
  --model-file FILE     the model: an .onnx file, or a TorchScript file (.pt) of the same architecture
  -o, --output FILE     the ONNX file to write; replaces what is there
  --input "SPEC"        as for sconce convert; only for a TorchScript file
  -h, --help            this text

Example:
  sconce swap-weights digits.pth --model-file digits.pt -o digits.onnx --input "image=float32[batch,1,8,8]"
`

export const swapWeights: Command = {
  name: 'swap-weights',
  summary: 'puts the weights of a .pth file into a model',
  usage,
  /** Resolves to the exit code: 0, or 1 where nothing was written. */
  async run(args, io) {
    try {
      return await run(args, io)
    } catch (error) {
      io.err(`${error instanceof Error ? error.message : String(error)}\n`)
      return 1
    }
  },
}

async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args, options: flags, strict: true, allowPositionals: true })
  if (values.help === true) {
    io.out(usage)
    return 0
  }
  const [file, ...more] = positionals
  const { 'model-file': model, output } = values
  if (file === undefined || more.length > 0 || model === undefined || output === undefined)
    throw new Error(
      'A file of weights, --model-file and --output are expected.\nsconce swap-weights --help lists the flags.',
    )
  const weights = readStateDict(file)
  try {
    const count = await swap(model, weights, output, values.input)
    io.out(`Wrote ${output} with ${count} tensors of ${file}\n`)
    return 0
  } finally {
    weights.close()
  }
}

async function swap(
  model: string,
  weights: StateDict,
  output: string,
  inputs: string[] | undefined,
): Promise<number> {
  if (extname(model) === '.onnx') return swapOnnxWeights(model, weights, output)
  const specs = inputs?.map(text => asFailure(() => parseInputFlag(text)))
  const result = await importTorchScript(model, {
    weights,
    ...(specs === undefined ? {} : { inputs: specs }),
  })
  try {
    await result.write(output)
    return weights.tensors.size
  } finally {
    result.close()
  }
}
