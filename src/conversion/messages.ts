/** What crosses the boundary between the converter and its process: the order as an argument, lines of JSON back. */
import type { ImportReport } from '../importer/import.ts'
import type { InputSpec } from '../importer/inputs.ts'

export interface ConversionOrder {
  /** The PyTorch file. */
  readonly file: string
  /** One per tensor that `forward` takes; undefined: guessed where the first use tells. */
  readonly inputs: readonly InputSpec[] | undefined
  /** The ONNX file to write, in a folder that is there; weights may go to the same name with `.data` behind it. */
  readonly output: string
  /**
   * The result is run in ONNX Runtime with several sizes, beginning with the plan of this number (0: the first);
   * undefined: it is not run.
   */
  readonly checkFrom: number | undefined
}

export type ConversionStage = 'reading' | 'evaluating' | 'building' | 'writing' | 'checking'

export type ConversionMessage =
  | { readonly type: 'stage'; readonly stage: ConversionStage }
  | { readonly type: 'done'; readonly report: ImportReport }
  /** Expected: the text of an IMPORT_REFUSED. */
  | { readonly type: 'refused'; readonly text: string }
  /** A fault of this server, or of its disk: `what` is for the client, `detail` for the log. */
  | { readonly type: 'failed'; readonly what: string; readonly detail: string }
