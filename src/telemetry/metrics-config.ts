import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { z } from 'zod'
import { failure, failureWith } from '../errors.ts'
import { isReserved, torchServeHelp, type MetricRow, type MetricType } from './metric-table.ts'

/** What metrics.yaml asks for. */
export interface MetricsConfig {
  /** Metrics that handlers may give, with the label Hostname at the end. */
  readonly modelMetrics: readonly (MetricRow & { readonly name: string })[]
  /** Which of the worker's metrics that the server measures itself are shown. */
  readonly backend: ReadonlySet<BackendName>
}

const BACKEND_NAMES = ['HandlerTime', 'PredictionTime'] as const
export type BackendName = (typeof BACKEND_NAMES)[number]

/** As TorchServe's own metrics.yaml. */
export const DEFAULT_METRICS_CONFIG: MetricsConfig = { modelMetrics: [], backend: new Set(BACKEND_NAMES) }

const Dimension = z
  .string()
  .regex(/^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/, 'expected letters, digits and _, not starting with a digit or __')
  .refine(name => name !== 'le', 'the name le belongs to the buckets of a histogram')
const Metric = z.strictObject({
  name: z
    .string()
    .regex(/^[a-zA-Z_:][a-zA-Z0-9_:]*$/, 'expected letters, digits, _ and :, not starting with a digit'),
  unit: z.string().min(1),
  dimensions: z.array(Dimension).nullish(),
})
const Buckets = z
  .array(z.number())
  .min(1)
  .refine(
    bounds => bounds.every((bound, i) => i === 0 || bound > Number(bounds[i - 1])),
    'expected ascending numbers',
  )
const Histogram = Metric.extend({ buckets: Buckets.optional() })
const Section = z.strictObject({
  counter: z.array(Metric).nullish(),
  gauge: z.array(Metric).nullish(),
  histogram: z.array(Histogram).nullish(),
})
const File = z.strictObject({
  // Only a place for YAML anchors.
  dimensions: z.array(z.string()).nullish(),
  ts_metrics: Section.nullish(),
  model_metrics: Section.nullish(),
})

type Declared = z.infer<typeof Histogram>

/** Reads metrics.yaml. Throws BAD_CONFIG, which names the file and the key. */
export async function readMetricsConfig(path: string): Promise<MetricsConfig> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable'
    throw failureWith({ cause }, 'BAD_CONFIG', `${path}: cannot be read (${code})`)
  })
  return parseMetricsConfig(text, path)
}

/**
 * TorchServe's format: `ts_metrics` is checked for its form only, since the server's metrics are always kept;
 * `model_metrics` says which metrics of handlers are. `file` is for messages.
 */
export function parseMetricsConfig(text: string, file: string): MetricsConfig {
  const section = parseFile(text, file).model_metrics ?? {}
  const backend = new Set<BackendName>()
  const modelMetrics = new Map<string, MetricRow & { name: string }>()
  for (const { type, metric, key } of listed(section)) {
    const problem = modelMetrics.has(metric.name) ? 'is declared twice' : refusal(type, metric.name)
    if (problem !== undefined) throw failure('BAD_CONFIG', `${file}: ${key}.name: ${metric.name} ${problem}`)
    if (isBackendName(metric.name)) backend.add(metric.name)
    else modelMetrics.set(metric.name, row(type, metric))
  }
  return { modelMetrics: [...modelMetrics.values()], backend }
}

function parseFile(text: string, file: string): z.infer<typeof File> {
  const parsed = File.safeParse(parseYaml(text, file) ?? {})
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw failure('BAD_CONFIG', `${file}: ${keyOf(issue?.path ?? [])}: ${issue?.message ?? 'not understood'}`)
  }
  return parsed.data
}

function listed(section: z.infer<typeof Section>): { type: MetricType; metric: Declared; key: string }[] {
  return (['counter', 'gauge', 'histogram'] as const).flatMap(type =>
    (section[type] ?? []).map((metric, i) => ({ type, metric, key: `model_metrics.${type}[${i}]` })),
  )
}

function refusal(type: MetricType, name: string): string | undefined {
  if (isBackendName(name)) return type === 'gauge' ? undefined : 'is measured by the server, as a gauge'
  return isReserved(name) ? "is a metric of the server's own" : undefined
}

function isBackendName(name: string): name is BackendName {
  return BACKEND_NAMES.some(known => known === name)
}

function parseYaml(text: string, file: string): unknown {
  try {
    return parse(text)
  } catch (cause) {
    const what = cause instanceof Error ? cause.message.trim().split('\n')[0] : String(cause)
    throw failureWith({ cause }, 'BAD_CONFIG', `${file}: not YAML: ${what}`)
  }
}

function row(type: MetricType, metric: Declared): MetricRow & { name: string } {
  const dimensions = (metric.dimensions ?? []).filter(name => name !== 'Hostname')
  return {
    name: metric.name,
    type,
    help: torchServeHelp(type, metric.unit),
    labels: [...new Set(dimensions), 'Hostname'],
    ...(metric.buckets === undefined ? {} : { buckets: metric.buckets }),
  }
}

function keyOf(path: readonly PropertyKey[]): string {
  const text = path.map(part => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')
  return text === '' ? 'the document' : text.replace(/^\./, '')
}
