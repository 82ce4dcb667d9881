import { realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Failure, failure, failureWith } from '../errors.ts'
import { moduleFile } from '../home.ts'
import type { ImportReport } from '../importer/import.ts'
import type { InputSpec } from '../importer/inputs.ts'
import { FencedProcess, type FencedEnd, type FenceLimits } from './fenced-process.ts'
import type { ConversionMessage, ConversionOrder, ConversionStage } from './messages.ts'

export interface Conversion {
  /** The PyTorch file. */
  readonly file: string
  readonly inputs: readonly InputSpec[] | undefined
  /** The ONNX file to write. Its folder is there and is used for nothing else: the process may write all of it. */
  readonly output: string
  readonly isChecked: boolean
}

/** What the process that imports gets. */
export interface ConverterOptions extends FenceLimits {
  /** What it may read beside the PyTorch file: Sconce itself and its packages. */
  readonly readable: readonly string[]
}

/** How many plans of the self-check there are; one that ends ONNX Runtime's process is left out in a second try. */
const PLANS = 3

/**
 * Imports a PyTorch file into an ONNX file, in a process of its own. Throws IMPORT_REFUSED with the reason, or
 * IMPORT_FAILED where it is not the file's fault; what was written by then is the caller's to remove.
 */
export async function convert(
  conversion: Conversion,
  options: ConverterOptions,
  onStage: (stage: ConversionStage) => void = () => {},
): Promise<ImportReport> {
  const file = await realpath(conversion.file)
  const { isChecked, ...rest } = conversion
  for (let plan = 0; ; plan++) {
    const order: ConversionOrder = { ...rest, file, checkFrom: isChecked ? plan : undefined }
    let stage: ConversionStage | undefined
    const { ended } = new FencedProcess({
      program: moduleFile('conversion/program'),
      order,
      readable: [...options.readable, file],
      folder: dirname(order.output),
      limits: options,
      take: message => {
        // The program is our own, behind the same types.
        const said = message as ConversionMessage
        if (said.type !== 'stage') return said
        stage = said.stage
        onStage(said.stage)
      },
    })
    const end = await ended
    if (end.type === 'result' && end.result.type === 'done') return end.result.report
    const mayTryOther = end.type === 'crashed' && stage === 'checking' && plan + 1 < PLANS
    if (!mayTryOther) throw toFailure(end, options)
  }
}

function toFailure(end: FencedEnd<ConversionMessage>, options: ConverterOptions): Failure {
  if (end.type === 'stopped') return failure('SHUTTING_DOWN')
  if (end.type === 'limit') return failure('IMPORT_REFUSED', sayLimit(end.limit, options))
  if (end.type === 'result' && end.result.type === 'refused') {
    // The process sends the whole text of its failure.
    return new Failure('IMPORT_REFUSED', end.result.text)
  }
  if (end.type === 'crashed' && end.detail.includes('heap out of memory'))
    return failure('IMPORT_REFUSED', 'it needs more memory than an import may have')
  const { what, detail } = end.type === 'crashed' ? end : faultOf(end.result)
  return failureWith({ cause: new Error(`${what}\n${detail}`) }, 'IMPORT_FAILED', what)
}

function faultOf(message: ConversionMessage): { what: string; detail: string } {
  return message.type === 'failed' ? message : { what: 'it ended without a result', detail: '' }
}

function sayLimit(limit: 'time' | 'memory', { timeLimitMs, memoryLimitBytes }: ConverterOptions): string {
  if (limit === 'time')
    return `it took longer than ${timeLimitMs / 1000} seconds, which is the limit (import_timeout)`
  return `it needs more than ${Math.round(memoryLimitBytes / 2 ** 20)} MB of memory, which is the limit`
}
