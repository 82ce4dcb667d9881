import { isIPv6 } from 'node:net'
import {
  diag,
  DiagLogLevel,
  isSpanContextValid,
  context as globalContext,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  trace,
  TraceFlags,
  type Context,
  type TextMapPropagator,
  defaultTextMapGetter,
  type Tracer,
} from '@opentelemetry/api'
import { JaegerExporter } from '@opentelemetry/exporter-jaeger'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { JaegerPropagator } from '@opentelemetry/propagator-jaeger'
import { core, NodeSDK, resources, tracing as sdk } from '@opentelemetry/sdk-node'
import { OpenTelemetrySpan } from './open-telemetry-span.ts'
import { limitedDiag } from './limited-diag.ts'
import { epochMs, toHrTime } from './span-time.ts'
import { parseEndpoint } from './trace-target.ts'
import type { Headers, PredictionFacts, PredictionSpan, Tracing, TracingOptions } from './tracing.ts'

const EXPORT_TIMEOUT_MS = 5_000
const STOP_TIMEOUT_MS = 3_000

/**
 * The SDK with one exporter, one resource and nothing detected or instrumented. Loaded only where tracing is on.
 *
 * JaegerExporter 2.11.0 is the last there is, which pins the SDK to the version that it was made for.
 */
export function startOpenTelemetry(options: TracingOptions): Tracing {
  const exporter = makeExporter(options)
  const propagator = new core.CompositePropagator({
    // The last one that finds its header wins: W3C's.
    propagators: [
      new JaegerPropagator(),
      new core.W3CTraceContextPropagator(),
      new core.W3CBaggagePropagator(),
    ],
  })
  const nodeSdk = new NodeSDK({
    autoDetectResources: false,
    resource: resources.resourceFromAttributes({
      'service.name': options.serviceName,
      'service.version': options.version,
    }),
    instrumentations: [],
    metricReaders: [],
    logRecordProcessors: [],
    textMapPropagator: propagator,
    // Which requests are traced is decided before the SDK, where a request that is not costs next to nothing.
    sampler: new sdk.ParentBasedSampler({ root: new sdk.AlwaysOnSampler() }),
    spanLimits: { attributeValueLengthLimit: 1_000 },
    spanProcessors: [
      new sdk.BatchSpanProcessor(exporter, {
        maxQueueSize: 2_048,
        maxExportBatchSize: 512,
        scheduledDelayMillis: 1_000,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      }),
    ],
  })
  nodeSdk.start()
  // After the SDK, which sets a logger of its own where OTEL_LOG_LEVEL is set.
  diag.setLogger(limitedDiag(options.logger), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
  return new OpenTelemetry(nodeSdk, propagator, options)
}

function makeExporter(options: TracingOptions): sdk.SpanExporter {
  if (options.exporter === 'otlp') {
    const endpoint = options.otlpEndpoint ?? 'http://127.0.0.1:4318'
    const url = parseEndpoint('otlp_endpoint', endpoint, '/v1/traces')
    return new OTLPTraceExporter({ url, timeoutMillis: EXPORT_TIMEOUT_MS })
  }
  const flushTimeout = 1_000
  if (options.jaegerEndpoint !== undefined) {
    const endpoint = parseEndpoint('jaeger_endpoint', options.jaegerEndpoint, '/api/traces')
    return new JaegerExporter({ endpoint, flushTimeout })
  }
  // The exporter hands its settings on to the UDP sender, which knows socketType.
  const { host, port } = options.jaegerAgent ?? { host: '127.0.0.1', port: 6832 }
  const agent = { host, port, socketType: isIPv6(host) ? ('udp6' as const) : ('udp4' as const), flushTimeout }
  return new JaegerExporter(agent)
}

class OpenTelemetry implements Tracing {
  readonly #sdk: NodeSDK
  readonly #propagator: TextMapPropagator
  readonly #tracer: Tracer
  readonly #options: TracingOptions
  readonly #random: () => number

  constructor(nodeSdk: NodeSDK, propagator: TextMapPropagator, options: TracingOptions) {
    this.#sdk = nodeSdk
    this.#propagator = propagator
    this.#options = options
    this.#random = options.random ?? Math.random
    this.#tracer = trace.getTracer(options.serviceName, options.version)
  }

  startPrediction(headers: Headers, facts: PredictionFacts): PredictionSpan | undefined {
    const { model, version, requestId, verb = 'predict', protocol, startMs = epochMs() } = facts
    const ratio = this.#options.sampleRatio(model)
    const parent = ratio === undefined ? undefined : this.#sampled(headers, ratio)
    if (parent === undefined) return undefined
    const attributes = {
      'model.name': model,
      'model.version': version,
      'request.id': requestId,
      ...(protocol === undefined ? {} : { 'network.protocol.name': protocol }),
    }
    const settings = { kind: SpanKind.SERVER, startTime: toHrTime(startMs), attributes }
    const span = this.#tracer.startSpan(`${verb} ${model}`, settings, parent)
    return new OpenTelemetrySpan(this.#tracer, span)
  }

  async stop(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<void>(resolve => {
      timer = setTimeout(() => {
        this.#options.logger.warn('The last traces could not be sent in time')
        resolve()
      }, STOP_TIMEOUT_MS)
    })
    const shutdown = this.#sdk.shutdown().catch((error: unknown) => diag.warn(String(error)))
    await Promise.race([shutdown, timeout])
    clearTimeout(timer)
    for (const part of [trace, propagation, globalContext, diag]) part.disable()
  }

  /** What the span hangs below, or undefined where the request is not traced. */
  #sampled(headers: Headers, ratio: number): Context | undefined {
    if (headers['traceparent'] !== undefined || headers['uber-trace-id'] !== undefined) {
      const context = this.#propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter)
      const parent = trace.getSpanContext(context)
      if (parent !== undefined && isSpanContextValid(parent)) {
        return (parent.traceFlags & TraceFlags.SAMPLED) === 0 ? undefined : context
      }
    }
    return this.#random() < ratio ? ROOT_CONTEXT : undefined
  }
}
