import { failure, failureWith, restoreFailure, toFailure, type Failure } from '../errors.ts'
import type { Model } from '../models/model.ts'
import type { Registry } from '../models/registry.ts'
import type { Job, Outcome } from '../pool/run-batch.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { PredictionSpan, Tracing } from '../telemetry/tracing.ts'
import type { Answer, Item, Verb, WireTensor } from '../worker/protocol.ts'
import { loadLabels, type Labels } from '../runtime/labels.ts'
import { classify } from './classification.ts'
import { fingerprint } from './fingerprint.ts'
import { makeTensor, packBytes, unpackBytes } from './infer-input.ts'
import { findModel, RAW_OUTPUT } from './model-metadata.ts'
import type { ModelTelemetry } from './model-telemetry.ts'
import { readTerms, tryReadTerms, type AskedTerms } from './request-terms.ts'
import { ModelCounts, type ModelStatistics } from './statistics.ts'

export interface Call extends AskedTerms {
  readonly model: string
  /** As the client named it; undefined for the default. */
  readonly version: string | undefined
  readonly verb: Exclude<Verb, 'describe' | 'infer'>
  readonly item: Item
  /** True once nobody waits for the answer any more. */
  readonly isGone: () => boolean
}

/** Tensors for the graph itself; see `infer`. */
export interface InferCall extends AskedTerms {
  readonly model: string
  readonly version: string | undefined
  readonly requestId: string
  /** The client's, lower case: for tracing, and for a handler that gets the bytes. */
  readonly headers: Readonly<Record<string, string>>
  readonly tensors: readonly WireTensor[]
  /** Names of the outputs that are wanted; none: all. */
  readonly outputs: readonly string[]
  /** How many of its best classes an output is to become, by its name; undefined, as not in it: it stays as it is. */
  readonly classes: ReadonlyMap<string, number | undefined>
  readonly isGone: () => boolean
}

/** A request of which only the head has come. */
export interface Arrival extends Pick<Item, 'requestId' | 'headers'> {
  /** As the client named it. */
  readonly version: string | undefined
  readonly verb: Job['verb']
}

export interface Inference {
  /** The model that answered. */
  readonly name: string
  readonly version: string
  /** In the order of the call's outputs, else of the graph's. */
  readonly tensors: readonly WireTensor[]
}

export type Prediction = Extract<Answer, { ok: true }>

export interface PredictorOptions {
  readonly registry: Registry
  readonly telemetry: ModelTelemetry
  readonly tracing: Tracing
  readonly logger: Logger
}

/**
 * The one door to a prediction, for every protocol: finds the model, queues the item, waits for its answer; counts,
 * times, traces and logs it. Throws a Failure for everything that did not work.
 */
export class Predictor {
  readonly #options: PredictorOptions
  readonly #counts = new WeakMap<Model, ModelCounts>()
  readonly #labels = new WeakMap<Model, Labels>()

  constructor(options: PredictorOptions) {
    this.#options = options
  }

  async predict(call: Call): Promise<Prediction> {
    const { verb, item } = call
    const model = this.#options.registry.resolve(call.model, call.version)
    return this.#run(model, { verb, item }, call)
  }

  /**
   * For a request whose body is still on its way: throws what it would be refused with now for want of room or of time, and
   * counts it as refused. What else may be wrong with it is found when it is here.
   */
  admit(model: Model, { version, verb, requestId, headers }: Arrival): void {
    const terms = tryReadTerms(headers)
    try {
      if (terms !== undefined) model.admit(version, terms)
    } catch (error) {
      const job: Job = { verb, item: { requestId, headers, parameters: [] } }
      this.#options.telemetry.meterOf(model).accepted(version !== undefined)
      throw this.#fail(error, { model, job, span: this.#startSpan(job, model), totalMs: 0 })
    }
  }

  /**
   * Tensors to the model's session and back, without its handler. One input of BYTES named `data` or `body` that the graph
   * does not have is for the handler: its element is the request's bytes, and the answer is one output of BYTES.
   */
  async infer(call: InferCall): Promise<Inference> {
    const version = call.version === '' ? undefined : call.version
    const model = findModel(this.#options.registry, call.model, version)
    const tensors = await this.#inferWith(model, version, call)
    return {
      name: model.name,
      version: model.version,
      tensors: tensors.map(tensor => {
        const count = call.classes.get(tensor.name)
        return count === undefined ? tensor : classify(tensor, count, this.#labelsOf(model))
      }),
    }
  }

  async #inferWith(
    model: Model,
    version: string | undefined,
    call: InferCall,
  ): Promise<readonly WireTensor[]> {
    const { isGone, timeoutMs, priority } = call
    const waiter = { version, isGone, timeoutMs, priority }
    const raw = rawInput(call.tensors, model)
    const { requestId, headers, tensors, outputs } = call
    const base = { requestId, headers, parameters: [] }
    if (raw === undefined) {
      const job: Job = { verb: 'infer', item: { ...base, tensors, outputs } }
      const answer = await this.#run(model, job, waiter)
      return answer.tensors ?? []
    }
    const parameters = [{ name: 'data', contentType: '', value: raw }]
    const name = rawOutput(outputs, model)
    const prediction = await this.#run(model, { verb: 'predict', item: { ...base, parameters } }, waiter)
    const { status, body } = prediction
    // A handler's own status is an error here too; its body is the text.
    if (status >= 400) {
      throw failureWith({ status }, 'HANDLER_STATUS', new TextDecoder().decode(body.subarray(0, 1000)))
    }
    return [makeTensor({ name, datatype: 'BYTES', shape: [1] }, packBytes([body]))]
  }

  /** Read once, when classes are first asked for. Throws INVALID_MODEL. */
  #labelsOf(model: Model): Labels {
    const labels = this.#labels.get(model) ?? loadLabels(model.archive.dir)
    this.#labels.set(model, labels)
    return labels
  }

  /** What was counted: of one version, of the default version of a name, or of all. Throws UNKNOWN_MODEL. */
  statistics(name?: string, version?: string): ModelStatistics[] {
    const { registry } = this.#options
    const models = name === undefined ? registry.all() : [findModel(registry, name, version)]
    return models.map(model => {
      const bytes = model.pool.workers().reduce((sum, { memoryBytes }) => sum + (memoryBytes ?? 0), 0)
      return this.#countsOf(model).read(model, bytes)
    })
  }

  /** The one path of every request: counted, timed and traced here and nowhere else. */
  async #run(model: Model, job: Job, waiter: Waiter): Promise<Prediction> {
    const { version, isGone } = waiter
    const meter = this.#options.telemetry.meterOf(model)
    const counts = this.#countsOf(model)
    const versionInUrl = version !== undefined
    meter.accepted(versionInUrl)
    const span = this.#startSpan(job, model)
    const startedAt = performance.now()
    try {
      const { deadline, priority } = readTerms(job.item.headers, waiter)
      const outcome = await model.submit(job, version, { isGone, deadline, priority })
      if (span !== undefined) addStages(span, outcome, performance.timeOrigin + startedAt)
      const prediction = orThrow(outcome.answer)
      const totalMs = performance.now() - startedAt
      meter.answered({ queueMs: outcome.queueMs, totalMs, versionInUrl })
      counts.answered(outcome, totalMs)
      span?.end()
      return prediction
    } catch (error) {
      throw this.#fail(error, { model, job, span, totalMs: performance.now() - startedAt })
    }
  }

  /** Counts, traces and logs what went wrong. */
  #fail(error: unknown, { model, job, span, totalMs }: Failing): Failure {
    const failed = toFailure(error)
    this.#options.telemetry.meterOf(model).failed(failed.code)
    this.#countsOf(model).failed(totalMs)
    span?.end(failed)
    this.#log(failed, job, model)
    return failed
  }

  #countsOf(model: Model): ModelCounts {
    const counts = this.#counts.get(model) ?? new ModelCounts()
    this.#counts.set(model, counts)
    return counts
  }

  #startSpan({ item, verb }: Job, model: Model): PredictionSpan | undefined {
    const { name, version } = model
    return this.#options.tracing.startPrediction(item.headers, {
      model: name,
      version,
      verb,
      requestId: item.requestId,
    })
  }

  /** What the client did wrong, or came too early or too often, is its own affair; what failed here is a warning. */
  #log(failed: Failure, { item, verb }: Job, model: Model): void {
    const facts = {
      model: model.name,
      version: model.version,
      requestId: item.requestId,
      verb,
      code: failed.code,
    }
    if (failed.http < 500 || isRefusal(failed)) return this.#options.logger.debug(failed.message, facts)
    // What kills workers has to be found again, and what clients send is not for the log.
    const input = failed.code === 'WORKER_DIED' ? { input: fingerprint(item) } : {}
    const { reason, cause } = failed
    this.#options.logger.warn(failed.message, { ...facts, ...input, reason, cause })
  }
}

/** A request that failed, and what is known of it. */
interface Failing {
  readonly model: Model
  readonly job: Job
  readonly span: PredictionSpan | undefined
  readonly totalMs: number
}

/** Who waits for the answer. */
interface Waiter extends AskedTerms {
  readonly version: string | undefined
  readonly isGone: () => boolean
}

/** The bytes for the handler, where the call means it and not the graph. Throws BAD_REQUEST for other than one. */
function rawInput(tensors: readonly WireTensor[], model: Model): Uint8Array | undefined {
  const [only, ...others] = tensors
  if (only === undefined || others.length > 0 || only.datatype !== 'BYTES') return undefined
  if (only.name !== 'data' && only.name !== 'body') return undefined
  if (model.pool.graph?.inputs.some(({ name }) => name === only.name)) return undefined
  const [element, ...more] = unpackBytes(only.data)
  if (element !== undefined && more.length === 0) return element
  throw failure(
    'BAD_REQUEST',
    `input '${only.name}' is for the handler of model '${model.name}': expected BYTES with one element, ` +
      `got shape [${only.shape.join(',')}]`,
  )
}

/** A handler has one output, which may be called anything. Throws BAD_REQUEST for more. */
function rawOutput(outputs: readonly string[], model: Model): string {
  const [name = RAW_OUTPUT.name, ...others] = outputs
  if (others.length === 0) return name
  throw failure(
    'BAD_REQUEST',
    `the handler of model '${model.name}' gives one output, expected at most one to be asked for, got ${outputs.length}`,
  )
}

function addStages(span: PredictionSpan, { batch, queueMs }: Outcome, startedMs: number): void {
  span.stage('queue', startedMs, startedMs + queueMs)
  for (const name of ['preprocess', 'inference', 'postprocess'] as const) {
    span.stage(name, ...batch.timings[name])
  }
  span.setBatchSize(batch.size)
}

/** Overload must not flood the log: each refusal has its access line, and the metrics count them. */
function isRefusal({ code }: Failure): boolean {
  return code === 'QUEUE_FULL' || code === 'NO_WORKER' || code === 'CIRCUIT_OPEN'
}

function orThrow(answer: Answer): Prediction {
  if (answer.ok) return answer
  const { code, facts, status, detail } = answer
  throw restoreFailure(code, facts, { cause: detail, ...(status === undefined ? {} : { status }) })
}
