/** How the answers of the management API look to a person. They come from another process: nothing is taken for granted. */
import { formatTable, printable } from './table.ts'

export type Described = Readonly<Record<string, unknown>>

/** One line for each version. */
export function viewModels(models: readonly Described[]): string {
  if (models.length === 0) return 'No models are registered.\n'
  const rows = models.map(model => [
    shown(model['modelName']),
    shown(model['modelVersion']),
    model['isDefault'] === true ? 'yes' : '',
    stateOf(model),
    countWorkers(model),
    shown(model['batchSize']),
    shown(model['modelUrl']),
  ])
  return formatTable(['MODEL', 'VERSION', 'DEFAULT', 'STATE', 'WORKERS', 'BATCH', 'ARCHIVE'], rows)
}

const SKIPPED = new Set(['modelName', 'modelVersion', 'workers', 'inputs', 'outputs', 'state'])

/** Everything about one version: its fields, what its graph takes and gives, its workers. */
export function viewModel(model: Described): string {
  const fields = Object.entries(model).filter(([name, value]) => !SKIPPED.has(name) && !isDull(value))
  const lines = [
    `${shown(model['modelName'])} ${shown(model['modelVersion'])}  ${stateOf(model)}`,
    ...fields.map(([name, value]) => `  ${printable(name).padEnd(22)} ${shown(value)}`),
  ]
  return [
    `${lines.join('\n')}\n`,
    section('inputs', model['inputs'], ['name', 'type', 'shape']),
    section('outputs', model['outputs'], ['name', 'type', 'shape']),
    section('workers', model['workers'], [
      'id',
      'state',
      'status',
      'pid',
      'memoryUsage',
      'startTime',
      'reason',
    ]),
  ].join('')
}

/** Fields for what Sconce does not do: their values say "nothing". */
const isDull = (value: unknown) => value === '' || value === 0 || value === false

function section(title: string, list: unknown, columns: readonly string[]): string {
  const rows = records(list)
  if (rows.length === 0) return ''
  const used = columns.filter(column => rows.some(row => row[column] !== undefined))
  const table = formatTable(
    used.map(column => column.toUpperCase()),
    rows.map(row =>
      used.map(column => (column === 'memoryUsage' ? megabytes(row[column]) : shown(row[column]))),
    ),
  )
  return `\n${title}\n${table.replaceAll(/^/gm, '  ').trimEnd()}\n`
}

function stateOf(model: Described): string {
  const workers = records(model['workers'])
  // TorchServe has no state of a model: then its workers say it.
  const ready = workers.some(worker => worker['status'] === 'READY') ? 'ready' : 'not ready'
  return shown(model['state'] ?? (workers.length === 0 ? 'idle' : ready))
}

/** `2/4`: workers that are ready, of those that should be. */
function countWorkers(model: Described): string {
  const ready = records(model['workers']).filter(worker => worker['status'] === 'READY')
  return `${ready.length}/${shown(model['minWorkers'])}`
}

export function records(list: unknown): Described[] {
  if (!Array.isArray(list)) return []
  return list.filter(
    (item): item is Described => typeof item === 'object' && item !== null && !Array.isArray(item),
  )
}

const megabytes = (bytes: unknown) => (typeof bytes === 'number' ? `${Math.round(bytes / 1e6)} MB` : '')

export function shown(value: unknown): string {
  if (value === undefined || value === null) return ''
  return printable(typeof value === 'string' ? value : JSON.stringify(value))
}
