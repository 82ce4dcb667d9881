import type {
  Answer,
  FromWorker,
  GraphInfo,
  Item,
  LoadOrder,
  MetricSample,
  Timings,
  Tuned,
  Verb,
} from '../worker/protocol.ts'

export interface Loaded {
  /** The graph's inputs and outputs; undefined for a handler without an ONNX file. */
  readonly graph: GraphInfo | undefined
  readonly loadMs: number
  /** What was measured; undefined where nothing was, or could be. */
  readonly tuned?: Tuned | undefined
}

export interface BatchResult {
  /** One per item, in their order. */
  readonly answers: readonly Answer[]
  readonly timings: Timings
  readonly metrics: readonly MetricSample[]
}

/**
 * The server's end of one worker, in verbs. Each promise rejects with `WorkerEnded` once the worker is gone. One batch
 * runs at a time; one more may be sent meanwhile, and waits in the worker.
 */
export interface WorkerPort {
  /** The operating system's process id; undefined where the worker has no process of its own. */
  readonly pid: number | undefined
  /** Settles when the worker is gone, for whatever reason. Never rejects. */
  readonly ended: Promise<WorkerEnded>
  /** Opens the session and loads the handler. Rejects with `LoadFailed` where they refuse. */
  load(order: LoadOrder): Promise<Loaded>
  run(verb: Verb, items: readonly Item[]): Promise<BatchResult>
  /**
   * Why it should be replaced as soon as it has nothing to do, because it holds ever more memory; completes the sentence
   * "The worker ...". Undefined: it should not.
   */
  readonly outgrown: string | undefined
  /** Resident memory in bytes, where it is known. */
  memoryBytes(): number | undefined
  /** Asks the worker to end; what runs is finished first. */
  stop(): void
  /** Ends the worker now. `reason` completes the sentence "The worker ...". */
  kill(reason: string): void
}

export type LogMessage = Extract<FromWorker, { type: 'log' }>

/** The worker is gone. The message completes "The worker ..."; `lastWords` is what it said on standard error. */
export class WorkerEnded extends Error {
  override readonly name = 'WorkerEnded'
  readonly outOfMemory: boolean
  /** By a SIGKILL that was not the server's: it says nothing about what the worker ran. */
  readonly isKilled: boolean
  readonly lastWords: string

  constructor(
    message: string,
    options: { outOfMemory?: boolean; isKilled?: boolean; lastWords?: string } = {},
  ) {
    super(message)
    this.isKilled = options.isKilled ?? false
    this.outOfMemory = options.outOfMemory ?? false
    this.lastWords = options.lastWords ?? ''
  }
}

/** The model or its handler refused to load; the message is the handler's or ONNX Runtime's own. */
export class LoadFailed extends Error {
  override readonly name = 'LoadFailed'
  /** For the log: the stack beside the worker. */
  readonly detail: string
  readonly outOfMemory: boolean

  constructor(message: string, detail: string, outOfMemory = false) {
    super(message)
    this.detail = detail
    this.outOfMemory = outOfMemory
  }
}

/** Why a worker failed, as a person reads it: completes "The worker ...", or is a handler's own sentence. */
export function sayWhy(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
