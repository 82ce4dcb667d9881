/**
 * The contract between Sconce and the code around a model: what a handler author imports as `sconce/handler`.
 *
 * A handler file exports one handler as its default export: an object, or a class that is constructed once per
 * worker without arguments. Every verb is optional; the default of each is what `base_handler` does. Built-in
 * handlers use nothing that a user's handler cannot.
 */
import type { GraphInfo, Tensors } from './tensor.ts'

export type { GraphInfo, Tensor, TensorData, TensorInfo, Tensors, TensorType } from './tensor.ts'

export interface Handler {
  /** Runs once, after the session is open and before the first request. A throw fails the load and says why. */
  load?(context: Context): void | Promise<void>
  /**
   * Turns one request into the graph's inputs. Every tensor leads with the rows of this request, usually one:
   * [1, 3, 224, 224] for one image. Throw InvalidInput for what the client did wrong: it alone gets the 400.
   */
  preprocess?(input: Input, context: Context): Tensors | Promise<Tensors>
  /**
   * Runs a batch: one entry per request, one result per entry, in the same order; an Error in the place of a result
   * fails that request alone. The default joins the rows of
   * entries that fit together, runs the session once for each such group, and splits the outputs again.
   */
  inference?(
    batch: readonly Tensors[],
    context: Context,
  ): readonly (Tensors | Error)[] | Promise<readonly (Tensors | Error)[]>
  /**
   * Turns one request's outputs into its answer: bytes and text go out as they are, anything else as JSON with two
   * spaces of indentation (a Map keeps its order, also with keys that look like integers). Wrap it in `respond()` to
   * choose status, content type or headers.
   */
  postprocess?(output: Tensors, input: Input, context: Context): unknown
  /** Answers `/explanations/{model}` for one request. Without it that route answers 501. */
  explain?(input: Input, context: Context): unknown
  /** A request as a client would send it: before the worker is ready it is answered a few times, to warm it up. */
  sample?(context: Context): Sample | undefined | Promise<Sample | undefined>
  /** What `GET /models/{model}?customized=true` shows as `customizedMetadata`: any JSON. */
  describe?(context: Context): unknown
}

/** One request: the bytes of its body, or its text, and what they are ('' where that is not said). */
export interface Sample {
  readonly body: Uint8Array | string
  readonly contentType?: string
}

/** What one request brought, whatever the protocol it came by. */
export interface Input {
  /** The server's id of this request; also the answer's `x-request-id`. */
  readonly requestId: string
  /** The client's headers, lower case, plus `url_path`: what followed the version in the path, or ''. */
  readonly headers: Readonly<Record<string, string>>
  /**
   * Form fields, or the whole body as `body`: decoded by content type (see InputValue). Query parameters too where
   * TorchServe passes them on: /invocations, /models/{model}/invoke and /{model}/predict, not /predictions.
   */
  readonly parameters: ReadonlyMap<string, InputValue>
  /** What handlers usually want: the parameter `data`, else `body`, else undefined. */
  readonly data: InputValue | undefined
}

/** `application/json` arrives parsed, `text/*` as a string, everything else (and what failed to decode) as bytes. */
export type InputValue = Uint8Array | string | JsonValue
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue }

export interface Context {
  readonly model: {
    readonly name: string
    readonly version: string
    /** The folder with the archive's files; the only one the worker may read beside the server's own. */
    readonly dir: string
  }
  /** MAR-INF/MANIFEST.json as it stands. */
  readonly manifest: Readonly<Record<string, unknown>>
  /** model-config.yaml as it stands, unknown keys included; {} without one. */
  readonly config: Readonly<Record<string, unknown>>
  /** The model's session. Its use throws where the archive holds no model. */
  readonly session: Session
  readonly logger: HandlerLogger
  readonly metrics: HandlerMetrics
  /** Server settings that a handler has to honour. */
  readonly limits: {
    /** False when `limit_max_image_pixels=false`: images of any size are decoded. */
    readonly limitImagePixels: boolean
  }
}

export interface Session {
  readonly graph: GraphInfo
  /** Runs the graph once. Blocks the worker's thread while it computes. */
  run(inputs: Tensors): Promise<Tensors>
}

export interface HandlerLogger {
  debug(message: string, fields?: Record<string, unknown>): void
  info(message: string, fields?: Record<string, unknown>): void
  warn(message: string, fields?: Record<string, unknown>): void
  error(message: string, fields?: Record<string, unknown>): void
}

/** Metrics of the handler's own; declared under `model_metrics` in metrics.yaml, else dropped (see there). */
export interface HandlerMetrics {
  addCounter(name: string, value: number, dimensions?: Record<string, string>): void
  /** `unit` is `ms` or `s`. */
  addTime(name: string, value: number, unit?: 'ms' | 's', dimensions?: Record<string, string>): void
  /** `unit` is `B`, `kB`, `MB` or `GB`. */
  addSize(
    name: string,
    value: number,
    unit?: 'B' | 'kB' | 'MB' | 'GB',
    dimensions?: Record<string, string>,
  ): void
  addPercent(name: string, value: number, dimensions?: Record<string, string>): void
  addMetric(name: string, value: number, unit: string, dimensions?: Record<string, string>): void
}

/** The client's input is wrong: answered with 400 and this message, which should say what was expected. */
export class InvalidInput extends Error {
  override readonly name = 'InvalidInput'
}

/** A refusal with a status of the handler's choice, as TorchServe's PredictionException. */
export class PredictionError extends Error {
  override readonly name = 'PredictionError'
  readonly status: number

  constructor(message: string, status = 500) {
    super(message)
    this.status = status
  }
}

/** An answer with more to say than its body. Made with `respond()`. */
export class Response {
  readonly body: unknown
  readonly status: number
  readonly contentType: string | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(body: unknown, options: ResponseOptions) {
    this.body = body
    this.status = options.status ?? 200
    this.contentType = options.contentType
    this.headers = options.headers ?? {}
  }
}

export interface ResponseOptions {
  /** HTTP status, 200 to 599. */
  status?: number
  contentType?: string
  headers?: Record<string, string>
}

/** `return respond(png, { contentType: 'image/png' })` */
export function respond(body: unknown, options: ResponseOptions = {}): Response {
  return new Response(body, options)
}
