import type { Logger } from './logger.ts'

export interface TracingOptions {
  /** Where spans go: a Jaeger agent (UDP) or collector (HTTP), an OTLP collector (HTTP), or nowhere. */
  readonly exporter: 'none' | 'jaeger' | 'otlp'
  readonly serviceName: string
  readonly version: string
  /** The agent's UDP address, 127.0.0.1:6832 by default: the port for binary Thrift. IPv6 without brackets. */
  readonly jaegerAgent?: { readonly host: string; readonly port: number } | undefined
  /** Of the collector, such as `http://jaeger:14268`; goes before the agent. */
  readonly jaegerEndpoint?: string | undefined
  /** Such as `http://collector:4318`, the default on 127.0.0.1. */
  readonly otlpEndpoint?: string | undefined
  /** Share of a model's requests traced, 0 to 1, among those whose client has not decided it; undefined: none at all. */
  readonly sampleRatio: (model: string) => number | undefined
  readonly logger: Logger
  /** In [0, 1); decides which requests are traced. */
  readonly random?: () => number
}

export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

export interface PredictionFacts {
  readonly model: string
  readonly version: string
  readonly requestId: string
  /** `predict` by default. */
  readonly verb?: string
  /** `http` or `grpc`. */
  readonly protocol?: string
  /** Now by default. */
  readonly startMs?: number
}

export type Stage = 'queue' | 'preprocess' | 'inference' | 'postprocess'

/** The trace of one prediction. All times are milliseconds since the epoch, as fractions. */
export interface PredictionSpan {
  readonly traceId: string
  /** A part of the prediction that is over: a child span. */
  stage(name: Stage, startMs: number, endMs: number): void
  setBatchSize(size: number): void
  /** The prediction is over; with a failure the span is marked as an error with its code. */
  end(failure?: { readonly code: string; readonly message: string }): void
}

/** Traces of predictions. Made with `startTracing()`. */
export interface Tracing {
  /**
   * A span for a request, or undefined where it is not traced. Headers are in lower case: `traceparent` or Jaeger's
   * `uber-trace-id` make the span a child of the client's, and that decides whether it is traced.
   */
  startPrediction(headers: Headers, facts: PredictionFacts): PredictionSpan | undefined
  /** Sends what is left, for three seconds at most. Never throws. */
  stop(): Promise<void>
}

const OFF: Tracing = { startPrediction: () => undefined, stop: () => Promise.resolve() }

/**
 * Starts tracing, or returns what does nothing and loads nothing. A target that cannot be reached costs spans and a
 * warning a minute, no more. Throws BAD_CONFIG for an address that is none.
 */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  if (options.exporter === 'none') return OFF
  const { startOpenTelemetry } = await import('./open-telemetry.ts')
  return startOpenTelemetry(options)
}
