/**
 * The program that imports one PyTorch file: started per file, fenced in by Node's permission model, and killed where
 * it takes too long. It writes the ONNX file, runs it, and tells how far it is in lines of JSON on file descriptor 3.
 */
import { writeSync } from 'node:fs'
import { Failure } from '../errors.ts'
import { showInput } from '../importer/inputs.ts'
import { importTorchScript, type ImportReport } from '../importer/import.ts'
import type { ConversionMessage, ConversionOrder, ConversionStage } from './messages.ts'
import { checkGraph } from './self-check.ts'
import { batchSymbols } from '../runtime/trial.ts'
import { explainWeights } from './weights-alone.ts'

// The converter that started it wrote the argument.
const order = JSON.parse(process.argv[2] ?? '{}') as ConversionOrder

try {
  say({ type: 'done', report: await convert(order) })
} catch (error) {
  say(asMessage(error))
}

async function convert({ file, inputs, output, checkFrom }: ConversionOrder): Promise<ImportReport> {
  const imported = await importTorchScript(file, { onStage: enter, ...(inputs && { inputs }) }).catch(
    async (error: unknown) => {
      throw await withAdvice(error, file, inputs)
    },
  )
  try {
    enter('writing')
    await imported.write(output)
    if (checkFrom === undefined) return imported.report
    enter('checking')
    const warnings = await checkGraph(output, imported, checkFrom)
    return { ...imported.report, warnings: [...imported.report.warnings, ...warnings] }
  } finally {
    imported.close()
  }
}

/** The same refusal with a way out: what weights lack, or how the file can be imported with a fixed batch. */
async function withAdvice(
  error: unknown,
  file: string,
  inputs: ConversionOrder['inputs'] = [],
): Promise<unknown> {
  if (!(error instanceof Failure)) return error
  if (error.message.includes('only weights')) return explainWeights(error, file)
  const batches = batchSymbols(inputs)
  if (batches.size === 0) return error
  const fixed = inputs.map(input => ({
    ...input,
    shape: input.shape.map(size => (batches.has(String(size)) ? 1 : size)),
  }))
  try {
    const imported = await importTorchScript(file, { inputs: fixed })
    imported.close()
  } catch {
    return error
  }
  const flags = fixed.map(input => `--input "${showInput(input)}"`).join(' ')
  const advice = `; with a fixed batch it can be imported: ${flags}, or the same under inputs: in model-config.yaml`
  return new Failure(error.code, error.message + advice)
}

function enter(stage: ConversionStage): void {
  say({ type: 'stage', stage })
}

function asMessage(error: unknown): ConversionMessage {
  if (error instanceof Failure && error.code === 'IMPORT_REFUSED')
    return { type: 'refused', text: error.message }
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  // The system's words hold paths, its codes do not.
  const what = code === 'ENOSPC' || code === 'EDQUOT' ? 'the disk is full' : 'the log of the server says why'
  return { type: 'failed', what, detail: stack ?? message }
}

function say(message: ConversionMessage): void {
  const line = Buffer.from(`${JSON.stringify(message)}\n`)
  for (let done = 0; done < line.length;) done += writeSync(3, line, done)
}
