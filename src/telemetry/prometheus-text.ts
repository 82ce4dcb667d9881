import type { MetricRow } from './metric-table.ts'

/** `text/plain` of Prometheus' exposition format. */
export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export interface Sample {
  readonly value: number
  readonly labels: Readonly<Partial<Record<string, string | number>>>
  /** Where it differs from the metric's: `..._bucket`, `..._sum`, `..._count`. */
  readonly metricName?: string
}

/**
 * One metric as TorchServe's Prometheus client (simpleclient 0.9) prints it: each label with a comma behind it, also
 * the last, values as Java prints a double, `le` as the last label, a histogram's count before its sum. With `names`,
 * only samples of those names; '' when that leaves none.
 */
export function familyText(
  name: string,
  row: MetricRow,
  samples: readonly Sample[],
  names?: ReadonlySet<string>,
): string {
  const wanted =
    names === undefined ? samples : samples.filter(sample => names.has(sample.metricName ?? name))
  if (names !== undefined && wanted.length === 0) return ''
  const lines = inOrder(row, wanted).map(sample => sampleLine(name, row, sample))
  return `# HELP ${name} ${escapeHelp(row.help)}\n# TYPE ${name} ${row.type}\n${lines.join('')}`
}

/** prom-client lists a series' sum before its count, simpleclient the other way round. */
function inOrder(row: MetricRow, samples: readonly Sample[]): Sample[] {
  const ordered = [...samples]
  if (row.type !== 'histogram') return ordered
  ordered.forEach((sample, i) => {
    const next = ordered[i + 1]
    if (!sample.metricName?.endsWith('_sum') || next?.metricName?.endsWith('_count') !== true) return
    ordered[i] = next
    ordered[i + 1] = sample
  })
  return ordered
}

function sampleLine(name: string, row: MetricRow, sample: Sample): string {
  const labels = row.labels.map(label => labelText(label, String(sample.labels[label] ?? '')))
  const bound = sample.labels['le']
  if (bound !== undefined)
    labels.push(labelText('le', javaDouble(Number(bound === '+Inf' ? Infinity : bound))))
  const list = labels.length === 0 ? '' : `{${labels.join('')}}`
  return `${sample.metricName ?? name}${list} ${javaDouble(sample.value)}\n`
}

function labelText(label: string, value: string): string {
  return `${label}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}",`
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

/** As Java's Double.toString (`3.0`, `1.0E7`, `1.0E-4`), but `+Inf` and `-Inf` as Prometheus wants them. */
export function javaDouble(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  if (Object.is(value, -0)) return '-0.0'
  const size = Math.abs(value)
  if (size === 0 || (size >= 1e-3 && size < 1e7)) return withFraction(String(value))
  const [digits = '', exponent = ''] = value.toExponential().split('e')
  return `${withFraction(digits)}E${Number(exponent)}`
}

function withFraction(digits: string): string {
  return digits.includes('.') ? digits : `${digits}.0`
}
