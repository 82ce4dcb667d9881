import { failureWith, restoreFailure, toFailure, type Failure } from '../errors.ts'
import type { Model } from '../models/model.ts'
import type { Registry } from '../models/registry.ts'
import type { Outcome } from '../pool/run-batch.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { PredictionSpan, Tracing } from '../telemetry/tracing.ts'
import type { Answer, Item, Verb } from '../worker/protocol.ts'
import type { ModelTelemetry } from './model-telemetry.ts'

export interface Call {
  readonly model: string
  /** As the client named it; undefined for the default. */
  readonly version: string | undefined
  readonly verb: Exclude<Verb, 'describe'>
  readonly item: Item
  /** True once nobody waits for the answer any more. */
  readonly isGone: () => boolean
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

  constructor(options: PredictorOptions) {
    this.#options = options
  }

  async predict(call: Call): Promise<Prediction> {
    const model = this.#options.registry.resolve(call.model, call.version)
    const meter = this.#options.telemetry.meterOf(model)
    const versionInUrl = call.version !== undefined
    meter.accepted(versionInUrl)
    const span = this.#startSpan(call, model)
    const startedAt = performance.now()
    try {
      const outcome = await model.submit({ verb: call.verb, item: call.item }, call.version, call.isGone)
      if (span !== undefined) addStages(span, outcome, performance.timeOrigin + startedAt)
      const prediction = orThrow(outcome.answer)
      meter.answered({ queueMs: outcome.queueMs, totalMs: performance.now() - startedAt, versionInUrl })
      span?.end()
      return prediction
    } catch (error) {
      const failed = asFailure(error)
      meter.failed(failed.code)
      span?.end(failed)
      this.#log(failed, call, model)
      throw failed
    }
  }

  #startSpan({ item, verb }: Call, model: Model): PredictionSpan | undefined {
    const { name, version } = model
    return this.#options.tracing.startPrediction(item.headers, {
      model: name,
      version,
      verb,
      requestId: item.requestId,
    })
  }

  /** What the client did wrong is its own affair; what failed here is a warning with its cause. */
  #log(failed: Failure, { item, verb }: Call, model: Model): void {
    const facts = {
      model: model.name,
      version: model.version,
      requestId: item.requestId,
      verb,
      code: failed.code,
    }
    if (failed.http < 500) this.#options.logger.debug(failed.message, facts)
    else this.#options.logger.warn(failed.message, { ...facts, reason: failed.reason, cause: failed.cause })
  }
}

function addStages(span: PredictionSpan, { batch, queueMs }: Outcome, startedMs: number): void {
  span.stage('queue', startedMs, startedMs + queueMs)
  for (const name of ['preprocess', 'inference', 'postprocess'] as const) {
    span.stage(name, ...batch.timings[name])
  }
  span.setBatchSize(batch.size)
}

function orThrow(answer: Answer): Prediction {
  if (answer.ok) return answer
  const { code, facts, status, detail } = answer
  throw restoreFailure(code, facts, { cause: detail, ...(status === undefined ? {} : { status }) })
}

function asFailure(error: unknown): Failure {
  const isGone = error instanceof Error && error.name === 'ClientGone'
  return isGone ? failureWith({ cause: error }, 'CLIENT_GONE') : toFailure(error)
}
