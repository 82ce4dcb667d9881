import { ROOT_CONTEXT, SpanStatusCode, trace, type Context, type Span, type Tracer } from '@opentelemetry/api'
import { epochMs, toHrTime } from './span-time.ts'
import type { PredictionSpan, Stage } from './tracing.ts'

/** One traced prediction: a span, and a child for each stage. */
export class OpenTelemetrySpan implements PredictionSpan {
  readonly traceId: string
  readonly #tracer: Tracer
  readonly #span: Span
  readonly #context: Context

  constructor(tracer: Tracer, span: Span) {
    this.#tracer = tracer
    this.#span = span
    this.#context = trace.setSpan(ROOT_CONTEXT, span)
    this.traceId = span.spanContext().traceId
  }

  stage(name: Stage, startMs: number, endMs: number): void {
    const child = this.#tracer.startSpan(name, { startTime: toHrTime(startMs) }, this.#context)
    child.end(toHrTime(Math.max(startMs, endMs)))
  }

  setBatchSize(size: number): void {
    this.#span.setAttribute('batch.size', size)
  }

  end(failure?: { readonly code: string; readonly message: string }): void {
    if (failure !== undefined) {
      this.#span.setAttribute('error.type', failure.code)
      const message = `${failure.code}: ${failure.message}`.slice(0, 1_000)
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message })
    }
    this.#span.end(toHrTime(epochMs()))
  }
}
