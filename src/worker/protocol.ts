/**
 * All that crosses the process boundary: plain data, two unions. `framing.ts` turns them into bytes.
 */
import type { FailureCode } from '../errors.ts'
import type { WireTensor } from '../runtime/datatype.ts'
import type { GraphInfo } from '../runtime/tensor.ts'
import type { RunTime } from '../runtime/tuning.ts'

export type { WireTensor } from '../runtime/datatype.ts'
export type { GraphInfo } from '../runtime/tensor.ts'

/** `infer` takes tensors straight to the session; the others are verbs of the handler. */
export type Verb = 'predict' | 'explain' | 'describe' | 'infer'

/** TorchServe's forms of requests and answers around a handler; see worker/envelope.ts. */
export type Envelope = 'json' | 'kserve' | 'kservev2'

/** What goes in for one request. No sockets, no streams: the bytes as the client sent them. */
export interface Item {
  readonly requestId: string
  readonly headers: Readonly<Record<string, string>>
  readonly parameters: readonly Parameter[]
  /** The form that the body is in, where the handler gets what is inside of it. */
  readonly envelope?: Envelope
  /** `infer` only: the graph's inputs, and the outputs that are wanted (none: all). */
  readonly tensors?: readonly WireTensor[]
  readonly outputs?: readonly string[]
}

export interface Parameter {
  readonly name: string
  /** Media type without parameters, or '' where the client gave none: then the handler gets bytes. */
  readonly contentType: string
  readonly value: Uint8Array
}

/** What comes out for one request. */
export type Answer =
  | {
      readonly ok: true
      readonly status: number
      /** '' where it is not known. */
      readonly contentType: string
      readonly headers: Readonly<Record<string, string>>
      readonly body: Uint8Array
      /** The answer to `infer`, in the order in which the outputs were asked for; its body is empty. */
      readonly tensors?: readonly WireTensor[]
    }
  | ({ readonly ok: false } & WorkerFailure)

/** A row of errors.ts as it travels: the code with its facts, and what only the log gets. */
export interface WorkerFailure {
  readonly code: WorkerFailureCode
  readonly facts: readonly (string | number)[]
  /** HANDLER_STATUS only. */
  readonly status?: number
  /** For the log: the stack, or what the process said last. */
  readonly detail?: string
}

/** Failures that happen beside the model. */
export type WorkerFailureCode = Extract<
  FailureCode,
  | 'BAD_REQUEST'
  | 'PREDICTION_FAILED'
  | 'NOT_A_BATCH'
  | 'WRONG_BATCH_SIZE'
  | 'UNSUPPORTED_OUTPUT'
  | 'HANDLER_STATUS'
  | 'OUT_OF_MEMORY'
  | 'RESPONSE_TOO_LARGE'
  | 'NO_EXPLAIN'
>

/** When a batch passed through the worker's three stages: milliseconds since the epoch, as fractions. */
export interface Timings {
  readonly preprocess: Stage
  readonly inference: Stage
  readonly postprocess: Stage
}
export type Stage = readonly [startMs: number, endMs: number]

/** One call of `context.metrics` in a handler. */
export interface MetricSample {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly dimensions: Readonly<Record<string, string>>
}

/** What a worker needs to host a model: all paths absolute. */
export interface LoadOrder {
  readonly name: string
  readonly version: string
  readonly dir: string
  /** The ONNX file, or undefined for a handler that brings its own means. */
  readonly modelFile: string | undefined
  /** The same graph laid out for this machine, which workers share; undefined: there is none. */
  readonly optimisedFile: string | undefined
  /** Operators of the graph that a tensor without elements would end the worker in. */
  readonly fatalOnEmpty: readonly string[]
  /** The handler's file: one of the archive's, or one that ships with Sconce. */
  readonly handlerFile: string
  readonly manifest: Readonly<Record<string, unknown>>
  readonly config: Readonly<Record<string, unknown>>
  /** Intra-op threads of the session, where nothing else is measured. */
  readonly threads: number
  /** Rows of the largest batch that the queue cuts, as far as it is known. */
  readonly batchLimit: number
  /** What the worker finds out before it is ready; undefined: nothing. */
  readonly measure: Measure | undefined
  readonly isWarmedUp: boolean
  readonly maxResponseSize: number
  readonly decodeInput: boolean
  readonly limitImagePixels: boolean
}

export interface Measure {
  /** The size up to which batching pays is looked for up to here. */
  readonly mostRows: number
  /** The most threads that the worker may have; one is tried against them. */
  readonly mostThreads: number
  /** Whether the number of workers is open. */
  readonly areWorkersFree: boolean
}

/** What a worker found out about its model on this machine. */
export interface Tuned {
  readonly threads: number
  /** undefined: as was given. */
  readonly workers: number | undefined
  /** The size up to which batching pays. */
  readonly batchLimit: number
  /** What one run took by the rows it had. */
  readonly runMs: readonly RunTime[]
}

export type ToWorker =
  | { readonly type: 'load'; readonly order: LoadOrder }
  | { readonly type: 'run'; readonly batch: number; readonly verb: Verb; readonly items: readonly Item[] }
  | { readonly type: 'stop' }

export type FromWorker =
  | {
      readonly type: 'loaded'
      readonly graph: GraphInfo | undefined
      readonly loadMs: number
      readonly tuned: Tuned | undefined
    }
  | {
      readonly type: 'load-failed'
      readonly message: string
      readonly detail: string
      readonly outOfMemory: boolean
    }
  | {
      readonly type: 'done'
      readonly batch: number
      readonly answers: readonly Answer[]
      readonly timings: Timings
      readonly metrics: readonly MetricSample[]
    }
  | {
      readonly type: 'log'
      readonly level: 'debug' | 'info' | 'warn' | 'error'
      readonly message: string
      readonly fields: Readonly<Record<string, unknown>>
    }
