/**
 * Every metric the server keeps by itself: name, type, help and labels, in the order in which they stand on the page.
 * TorchServe's come with its names, labels and help texts (https://pytorch.org/serve/metrics.html), Sconce's own in
 * seconds and under `sconce_`, the process's under the names that Prometheus clients use. What handlers add is declared
 * in metrics.yaml.
 */
export type MetricType = 'counter' | 'gauge' | 'histogram'

export interface MetricRow {
  readonly type: MetricType
  readonly help: string
  readonly labels: readonly string[]
  /** Upper bounds of a histogram, ascending, without +Inf. */
  readonly buckets?: readonly number[]
}

const HOST = ['Level', 'Hostname']
const SERVED = ['model_name', 'model_version', 'hostname']
const MODEL = ['model_name', 'model_version']
const BACKEND = ['ModelName', 'Level', 'Hostname']

/** From half a millisecond, which a small model takes, to the longest anyone waits. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256]
/** What TorchServe's Prometheus client uses for a histogram that names none. */
export const DEFAULT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

export function torchServeHelp(type: MetricType, unit: string): string {
  return `Torchserve prometheus ${type} metric with unit: ${unit}`
}

type RowOf<T extends MetricType> = MetricRow & { readonly type: T }

function torchServe<T extends MetricType>(type: T, unit: string, labels: readonly string[]): RowOf<T> {
  return { type, help: torchServeHelp(type, unit), labels }
}

function own<T extends MetricType>(type: T, labels: readonly string[], help: string): RowOf<T> {
  return { type, help, labels }
}

function distribution(buckets: readonly number[], help: string): RowOf<'histogram'> {
  return { type: 'histogram', help, labels: MODEL, buckets }
}

export const metricTable = {
  Requests2XX: torchServe('counter', 'Count', HOST),
  Requests4XX: torchServe('counter', 'Count', HOST),
  Requests5XX: torchServe('counter', 'Count', HOST),
  ts_inference_requests_total: torchServe('counter', 'Count', SERVED),
  ts_inference_latency_microseconds: torchServe('counter', 'Microseconds', SERVED),
  ts_queue_latency_microseconds: torchServe('counter', 'Microseconds', SERVED),
  QueueTime: torchServe('gauge', 'Milliseconds', HOST),
  WorkerThreadTime: torchServe('gauge', 'Milliseconds', HOST),
  WorkerLoadTime: torchServe('gauge', 'Milliseconds', ['WorkerName', ...HOST]),
  CPUUtilization: torchServe('gauge', 'Percent', HOST),
  MemoryUsed: torchServe('gauge', 'Megabytes', HOST),
  MemoryAvailable: torchServe('gauge', 'Megabytes', HOST),
  MemoryUtilization: torchServe('gauge', 'Percent', HOST),
  DiskUsage: torchServe('gauge', 'Gigabytes', HOST),
  DiskAvailable: torchServe('gauge', 'Gigabytes', HOST),
  DiskUtilization: torchServe('gauge', 'Percent', HOST),
  HandlerTime: torchServe('gauge', 'ms', BACKEND),
  PredictionTime: torchServe('gauge', 'ms', BACKEND),

  sconce_inference_duration_seconds: distribution(SECONDS, 'From a request accepted to its answer.'),
  sconce_queue_duration_seconds: distribution(SECONDS, 'How long a request waited for a worker.'),
  sconce_worker_duration_seconds: distribution(SECONDS, 'From a batch sent to a worker to its answers.'),
  sconce_batch_size: distribution(SIZES, 'Requests that one run of the handler got together.'),
  sconce_inference_failures_total: own(
    'counter',
    [...MODEL, 'code'],
    'Requests to a registered model that were not answered with a prediction, by code of the failure.',
  ),
  sconce_workers: own('gauge', [...MODEL, 'state'], 'Workers of a model by state.'),
  sconce_queue_length: own('gauge', MODEL, 'Requests waiting for a worker.'),
  sconce_queue_bytes: own(
    'gauge',
    MODEL,
    'What the requests have in bodies and tensors that wait for a worker.',
  ),
  sconce_batches_total: own(
    'counter',
    [...MODEL, 'cut_by'],
    'Batches that ran, by what kept them from being larger: full, idle (no more waited), ahead (as many as the busy worker had), delay, preferred, retry.',
  ),
  sconce_requests_dropped_total: own(
    'counter',
    [...MODEL, 'cause'],
    'Requests that no worker got: queue_full, queue_bytes, expected_wait, circuit_open, deadline, client_gone.',
  ),
  sconce_answers_discarded_total: own(
    'counter',
    [...MODEL, 'cause'],
    'Answers of workers that came when nobody waited for them any more: deadline, client_gone.',
  ),
  sconce_requests_retried_total: own('counter', MODEL, 'Requests that ran again because their worker died.'),
  sconce_circuit_open: own(
    'gauge',
    MODEL,
    '1 while requests are refused because workers die again and again, else 0.',
  ),
  sconce_worker_restarts_total: own(
    'counter',
    MODEL,
    'Workers that were started again after they had ended.',
  ),
  sconce_build_info: own('gauge', ['version', 'node'], 'Always 1; the labels say what is running.'),

  process_cpu_user_seconds_total: own('counter', [], 'User CPU time of the server without its workers.'),
  process_cpu_system_seconds_total: own('counter', [], 'System CPU time of the server without its workers.'),
  process_cpu_seconds_total: own(
    'counter',
    [],
    'User and system CPU time of the server without its workers.',
  ),
  process_start_time_seconds: own('gauge', [], 'Start of the server in seconds since the epoch.'),
  process_resident_memory_bytes: own('gauge', [], 'Memory of the server without its workers.'),
  process_open_fds: own('gauge', [], 'Open file descriptors of the server, where the system lists them.'),
  nodejs_heap_size_used_bytes: own('gauge', [], 'JavaScript heap in use.'),
  nodejs_eventloop_lag_seconds: own('gauge', [], 'How late the event loop was when this page was asked for.'),
} satisfies Record<string, MetricRow>

export type MetricName = keyof typeof metricTable

/** The names of one type: those an instrument of that type can be asked for by. */
export type NamesOf<T extends MetricType> = {
  [N in MetricName]: (typeof metricTable)[N]['type'] extends T ? N : never
}[MetricName]

/** The counters that stay on the page in the mode `legacy`. */
export const LEGACY_NAMES: ReadonlySet<string> = new Set<MetricName>([
  'ts_inference_requests_total',
  'ts_inference_latency_microseconds',
  'ts_queue_latency_microseconds',
])

/** Whether the name is the server's own: handlers and metrics.yaml have to leave it alone. */
export function isReserved(name: string): boolean {
  return Object.hasOwn(metricTable, name) || name.startsWith('sconce_')
}

/** The table's rows, for the reference page. */
export function listMetrics(): (MetricRow & { name: string })[] {
  return Object.entries(metricTable).map(([name, row]) => ({ name, ...row }))
}
