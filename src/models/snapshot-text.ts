/** A snapshot as a file: TorchServe's name and form, https://github.com/pytorch/serve/blob/master/docs/snapshot.md */
import type { SnapshotModel } from './snapshot-model.ts'

export type SnapshotKind = 'startup' | 'snapshot' | 'shutdown'

export interface SnapshotContent {
  /** The effective configuration by public key name, as a properties file gives it; without secrets. */
  readonly config: Readonly<Record<string, string>>
  readonly models: readonly SnapshotModel[]
}

const NAME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d{3})-(?:startup|snapshot|shutdown)\.cfg$/
const MS_PER_MINUTE = 60_000
const NOT_PLAIN = /[\\\t\n\r\f]|[^ -~]/g
const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  '\f': '\\f',
}

/**
 * The local time of a moment as milliseconds, which names are made of. Names sort as these numbers do, also in the hour
 * that clocks are put back to.
 */
export function toStamp(moment: Date): number {
  return moment.getTime() - moment.getTimezoneOffset() * MS_PER_MINUTE
}

/** yyyyMMddHHmmssSSS-kind.cfg. */
export function snapshotName(stamp: number, kind: SnapshotKind): string {
  return `${new Date(stamp).toISOString().replaceAll(/\D/g, '').slice(0, 17)}-${kind}.cfg`
}

/** The stamp in a snapshot's name; undefined for a name that is none. */
export function readStamp(name: string): number | undefined {
  const parts = NAME.exec(name)?.slice(1).map(Number)
  if (parts === undefined) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, ms = 0] = parts
  return Date.UTC(year, month - 1, day, hour, minute, second, ms)
}

/** The file's text. `model_snapshot` is its last line, so that a file that was cut off is seen to be one. */
export function snapshotText(name: string, created: Date, { config, models }: SnapshotContent): string {
  const byName = Map.groupBy(models, model => model.name)
  const snapshot = {
    name,
    modelCount: models.length,
    created: created.getTime(),
    models: Object.fromEntries(Array.from(byName, ([model, versions]) => [model, byVersion(versions)])),
  }
  const lines = [
    '#The configuration and the models of a running server. Secrets are left out.',
    ...Object.entries(config)
      .filter(([key]) => key !== 'model_snapshot')
      .map(([key, value]) => property(key, value)),
    property('model_snapshot', JSON.stringify(snapshot)),
  ]
  return `${lines.join('\n')}\n`
}

function byVersion(versions: readonly SnapshotModel[]) {
  // The two that are keys already are left out: JSON has no undefined.
  return Object.fromEntries(
    versions.map(model => [model.version, { ...model, name: undefined, version: undefined }]),
  )
}

/** A line as Java's Properties.store writes it: ASCII only, and no leading blank is lost. */
function property(key: string, value: string): string {
  const name = escape(key).replaceAll(/[ =:#!]/g, '\\$&')
  return `${name}=${escape(value).replace(/^ /, '\\ ')}`
}

function escape(text: string): string {
  return text.replaceAll(
    NOT_PLAIN,
    unit => escapes[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
