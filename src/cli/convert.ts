/** `sconce convert`: a PyTorch file into an ONNX file. */
import { parseArgs, type ParseArgsConfig } from 'node:util'
import type { ConversionStage } from '../conversion/messages.ts'
import { convertToFile } from '../conversion/to-file.ts'
import type { ImportReport, PortReport } from '../importer/import.ts'
import { parseInputFlag } from '../importer/inputs.ts'
import { asFailure } from '../importer/refusal.ts'
import type { Command, CommandIo } from './command.ts'

const flags = {
  output: { type: 'string', short: 'o' },
  input: { type: 'string', multiple: true },
  verify: { type: 'boolean' },
  'no-verify': { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsConfig['options']

const usage = `Usage: sconce convert MODEL.pt -o MODEL.onnx [options]

Imports a TorchScript file (torch.jit.script or torch.jit.trace, then save) and writes it as ONNX. No Python is run.

Options:
  -o, --output FILE     the ONNX file (the name of the PyTorch file with .onnx); replaces what is there
  --input "SPEC"        one input, such as "image=float32[batch,3,224,224]": once for each tensor that forward takes,
                        in its order. The names are free; a word for a size lets it vary. Left out, the inputs are
                        guessed where the first layer tells them
  --no-verify           leaves out the self-check, which runs the graph with several sizes
  --json                prints the report as JSON
  -h, --help            this text

Example:
  sconce convert resnet18.pt -o resnet18.onnx --input "image=float32[batch,3,224,224]"
`

const DOING: Readonly<Record<ConversionStage, string>> = {
  reading: 'Reading the archive',
  evaluating: 'Following the program',
  building: 'Building the graph',
  writing: 'Writing',
  checking: 'Running it with several sizes',
}

export const convert: Command = {
  name: 'convert',
  summary: 'turns a PyTorch file (.pt) into an ONNX file',
  usage,
  /** Resolves to the exit code: 0, or 1 where nothing was written. */
  async run(args, io) {
    try {
      return await run(args, io)
    } catch (error) {
      const { message, cause } = error instanceof Error ? error : new Error(String(error))
      // What a server would write to its log.
      io.err(cause instanceof Error ? `${message}\n${cause.message}\n` : `${message}\n`)
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
  if (file === undefined || more.length > 0) {
    throw new Error('One PyTorch file is expected.\nsconce convert --help lists the flags.')
  }
  const output = values.output ?? `${file.replace(/\.(pt|pth)$/i, '')}.onnx`
  const inputs = values.input?.map(text => asFailure(() => parseInputFlag(text)))
  const isChecked = values['no-verify'] !== true
  const report = await convertToFile({ file, inputs, output, isChecked }, stage =>
    io.err(`${DOING[stage]} ...\n`),
  )
  io.out(
    values.json === true ? `${JSON.stringify({ output, ...report }, undefined, 2)}\n` : tell(output, report),
  )
  return 0
}

function tell(output: string, report: ImportReport): string {
  const { nodes, opset, parameters, inputs, outputs, guessed, warnings } = report
  return [
    `Wrote ${output}: ${nodes} nodes, opset ${opset}, ${parameters.toLocaleString('en')} parameters`,
    ...inputs.map(port => `  input   ${showPort(port)}`),
    ...outputs.map(port => `  output  ${showPort(port)}`),
    ...(guessed.length === 0
      ? []
      : [`The inputs were guessed: ${guessed.map(text => `--input "${text}"`).join(' ')} says the same.`]),
    ...warnings.map(warning => `Warning: ${warning}`),
    '',
  ].join('\n')
}

function showPort({ name, dtype, shape }: PortReport): string {
  return `${name}: ${dtype} [${shape.join(', ')}]`
}
