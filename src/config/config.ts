import type { Values } from './schema.ts'

/**
 * The configuration as the parts of the server get it. Only here are the public names, which are TorchServe's,
 * translated: camelCase, grouped, units at the end. Paths are absolute.
 */
export type Config = DeepReadonly<ReturnType<typeof toConfig>>

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T

const MS_PER_SECOND = 1000
const MS_PER_MINUTE = 60_000

export function toConfig(v: Values) {
  return {
    listeners: listeners(v),
    limits: limits(v),
    grpc: {
      isServed: v.enable_grpc,
      inference: grpcListener(v, 'inference'),
      management: grpcListener(v, 'management'),
    },
    openInference: {
      serverName: v.oip_server_name,
      /** undefined: Sconce's own. */
      serverVersion: v.oip_server_version,
      nonFinite: v.oip_non_finite,
    },
    models: models(v),
    workers: workers(v),
    metrics: {
      mode: v.metrics_mode,
      /** undefined: the file that ships. */
      configFile: v.metrics_config,
      autoDetect: v.model_metrics_auto_detect,
      isHostMeasured: !v.disable_system_metrics,
      hostIntervalMs: v.metric_time_interval * MS_PER_SECOND,
    },
    logging: { format: v.log_format, level: v.log_level },
    tracing: {
      exporter: v.tracing,
      jaegerAgent: v.jaeger_agent_addr,
      /** When given it is used in place of the agent. */
      jaegerEndpoint: v.jaeger_endpoint,
      /** Without `/v1/traces`. */
      otlpEndpoint: v.otlp_endpoint,
      sampleRatio: v.tracing_sample_ratio,
    },
    security: security(v),
  }
}

const DOCS_PAGE = { auto: 'by address', true: 'always', false: 'never' } as const

function listeners(v: Values) {
  return {
    inference: v.inference_address,
    management: v.management_address,
    metrics: v.metrics_address,
    isMetricsServed: v.enable_metrics_api,
    docsPage: DOCS_PAGE[v.enable_docs_page],
    maxRequestBytes: v.max_request_size,
    maxResponseBytes: v.max_response_size,
    cors: { origin: v.cors_allowed_origin, methods: v.cors_allowed_methods, headers: v.cors_allowed_headers },
  }
}

function limits(v: Values) {
  return {
    /** 0: a share of what there is. */
    inflightBytes: v.max_inflight_bytes,
    connections: v.max_connections,
    requestTimeoutMs: v.request_timeout * MS_PER_SECOND,
    clientTimeoutMs: v.client_timeout * MS_PER_SECOND,
    minRequestBytesPerS: v.min_request_rate,
    drainGraceMs: v.drain_grace * MS_PER_SECOND,
    drainTimeoutMs: v.drain_timeout * MS_PER_SECOND,
  }
}

/** Ages that are undefined are without limit. */
function grpcListener(v: Values, api: 'inference' | 'management') {
  return {
    host: v[`grpc_${api}_address`],
    port: v[`grpc_${api}_port`],
    maxConnectionAgeMs: v[`grpc_${api}_max_connection_age_ms`],
    maxConnectionAgeGraceMs: v[`grpc_${api}_max_connection_age_grace_ms`],
  }
}

function models(v: Values) {
  const store = v.model_store ?? ''
  return {
    /** Empty only when the command is not `start`. */
    store,
    workflowStore: v.workflow_store ?? store,
    load: v.load_models,
    settings: v.models.settings,
    snapshot: v.model_snapshot?.models,
    isRegistrationEnabled: v.enable_model_api,
    allowedUrls: v.allowed_urls,
    /** undefined: in the user's cache folder. */
    importCache: v.import_cache,
    /** true: in the user's cache folder; false: none. */
    graphCache: v.optimized_graph_cache,
    cacheBytes: v.cache_size_mb * 2 ** 20,
    importTimeoutMs: v.import_timeout * MS_PER_SECOND,
    defaultHandler: v.default_service_handler,
    envelope: v.service_envelope,
    isInputDecoded: v.decode_input_request,
    isImageSizeLimited: v.limit_max_image_pixels,
  }
}

function workers(v: Values) {
  return {
    /** 0: as many as the CPU plan gives. */
    perModel: v.default_workers_per_model,
    isCalibrated: v.calibrate,
    isWarmedUp: v.warm_up,
    responseTimeoutMs: v.default_response_timeout * MS_PER_SECOND,
    startupTimeoutMs: v.default_startup_timeout * MS_PER_SECOND,
    unregisterTimeoutMs: v.unregister_model_timeout * MS_PER_SECOND,
    /** Requests for each model version. */
    queueSize: v.job_queue_size,
    /** What they may have together. */
    queueBytes: v.job_queue_bytes,
    firstNumber: v.initial_worker_port,
    /** Variables whose whole name matches are not passed to workers; undefined: all are. */
    hiddenVariables: v.blacklist_env_vars || undefined,
    /** 0: a share of what there is. */
    memoryLimitMb: v.worker_memory_limit_mb,
    isDebug: v.debug,
  }
}

/** Which APIs need a token; by address: management where it can be reached from other machines. */
function tokensFor(isDisabled: boolean | undefined): 'always' | 'by address' | 'never' {
  if (isDisabled === undefined) return 'by address'
  return isDisabled ? 'never' : 'always'
}

function security(v: Values) {
  return {
    keystore: { file: v.keystore, password: v.keystore_pass, kind: v.keystore_type },
    certificateFile: v.certificate_file,
    privateKeyFile: v.private_key_file,
    isGrpcEncrypted: v.enable_grpc_ssl,
    tokens: tokensFor(v.disable_token_authorization),
    keyFile: v.key_file,
    tokenLifeMs: v.token_expiration_min * MS_PER_MINUTE,
    allowedHosts: v.allowed_hosts,
  }
}

/** Freezes plain objects and arrays all the way down and returns the same object. */
export function deepFreeze<T>(value: T): DeepReadonly<T> {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    Object.values(value).forEach(deepFreeze)
  }
  // Frozen all the way down just above.
  return value as DeepReadonly<T>
}
