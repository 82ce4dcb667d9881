import { Flag, Path, Seconds, Text, Url, decimal, hostAndPort, oneOf } from './values.ts'
import { NOT_YET, facts } from './facts.ts'

export const JAEGER_AGENT_PORT = 6832

export const metrics = {
  metrics_mode: oneOf('prometheus', 'log', 'legacy')
    .prefault('prometheus')
    .describe(
      'prometheus: served by the metrics API. log: written to the log. legacy: the three ts_* counters are served.',
    ),
  metrics_config: Path.optional().describe('YAML file that declares the metrics; unset: the one that ships.'),
  model_metrics_auto_detect: Flag.prefault('false').describe(
    'Whether handlers may use metrics that are not declared.',
  ),
  disable_system_metrics: Flag.prefault('false').describe('Whether CPU, memory and disk are left out.'),
  metric_time_interval: Seconds.prefault('60')
    .describe('Seconds between two readings of CPU, memory and disk.')
    .register(facts, { env: false }),
  system_metrics_cmd: Text.prefault('')
    .describe('Command to run at each reading in place of our own.')
    .register(facts, { ...NOT_YET, env: false }),
}

export const logging = {
  log_format: oneOf('auto', 'pretty', 'json')
    .prefault('auto')
    .describe('pretty: for people. json: one object per line. auto: pretty on a terminal, else json.'),
  log_level: oneOf('debug', 'info', 'warn', 'error', 'silent')
    .prefault('info')
    .describe('The least important lines that are written.'),
}

export const tracing = {
  tracing: oneOf('none', 'jaeger', 'otlp').prefault('none').describe('Where spans go.'),
  jaeger_agent_addr: hostAndPort(JAEGER_AGENT_PORT)
    .prefault(`127.0.0.1:${JAEGER_AGENT_PORT}`)
    .describe('UDP address of the Jaeger agent (its binary Thrift port).'),
  jaeger_endpoint: Url.optional().describe(
    'Jaeger collector, as http://127.0.0.1:14268/api/traces; when given it is used in place of the agent.',
  ),
  otlp_endpoint: Url.prefault('http://127.0.0.1:4318').describe(
    'OTLP/HTTP collector, without /v1/traces. When it is not set, OTEL_EXPORTER_OTLP_ENDPOINT is used.',
  ),
  tracing_sample_ratio: decimal(0, 1).prefault('1').describe('Share of the requests that are traced.'),
}

export const environment = {
  enable_envvars_config: Flag.prefault('true')
    .describe('Accepted for TorchServe; TS_ variables are always read.')
    .register(facts, { env: false }),
  use_env_allowed_urls: Flag.prefault('false')
    .describe('Whether TS_ALLOWED_URLS is read; the file or a flag must say so.')
    .register(facts, { env: false }),
}
