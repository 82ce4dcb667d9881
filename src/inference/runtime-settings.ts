import { failure } from '../errors.ts'
import type { Registry } from '../models/registry.ts'
import type { LogLevel, LogLevels } from '../telemetry/log-levels.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Sampling, TraceSampling } from '../telemetry/trace-sampling.ts'
import { findModel } from './model-metadata.ts'

export interface RuntimeSettingsOptions {
  readonly registry: Registry
  readonly logger: Logger
  readonly levels: LogLevels
  readonly sampling: TraceSampling
}

/** As the client sent it: text, numbers, flags, a list of texts; null or an empty list gives a setting back. */
export type Changes = Readonly<Record<string, unknown>>

export type LogSettings = Readonly<Record<string, string | number | boolean>>
export type TraceSettings = Readonly<Record<string, string | readonly string[]>>

/** Both spellings are in use. */
const LEVEL_OF: Readonly<Record<string, LogLevel>> = {
  log_info: 'info',
  log_warning: 'warn',
  log_warnings: 'warn',
  log_error: 'error',
  log_errors: 'error',
}

/**
 * What the Open Inference Protocol's trace and logging extensions may change while the server runs: which levels are
 * logged; whether and how often requests are traced, for all models or one. Nothing else: where logs and traces go, and
 * in what form, is for the configuration and never for the wire. For every edge that speaks the protocol; changing is
 * for those who may manage the server.
 */
export class RuntimeSettings {
  readonly #options: RuntimeSettingsOptions

  constructor(options: RuntimeSettingsOptions) {
    this.#options = options
  }

  readLog(): LogSettings {
    const { levels } = this.#options
    return {
      log_file: '',
      log_info: levels.isOn('info'),
      log_warning: levels.isOn('warn'),
      log_error: levels.isOn('error'),
      log_verbose_level: levels.isOn('debug') ? 1 : 0,
      log_format: 'default',
    }
  }

  /** Changes all that is given or, with BAD_REQUEST, nothing. The result is what then holds. */
  updateLog(changes: Changes): LogSettings {
    const { levels, logger } = this.#options
    const before = this.readLog()
    const wanted = Object.entries(changes).map(([key, value]) => readLogChange(key, value, before))
    // Told while it still can be: the line may be of a level that goes off.
    logger.warn('The log levels are changed over the API', { changes: show(changes) })
    for (const change of wanted) if (change !== undefined) levels.set(change.level, change.isOn)
    return this.readLog()
  }

  /** Of all models, or what holds for one. Throws UNKNOWN_MODEL. */
  readTrace(model?: string): TraceSettings {
    const { registry, sampling } = this.#options
    const { isOn, rate } = sampling.read(
      model === undefined ? undefined : findModel(registry, model, '').name,
    )
    return {
      trace_file: '',
      trace_level: [isOn ? 'TIMESTAMPS' : 'OFF'],
      trace_rate: String(Math.round(rate)),
      trace_count: '-1',
      log_frequency: '0',
    }
  }

  /** Changes all that is given or, with BAD_REQUEST, nothing. The result is what then holds. Throws UNKNOWN_MODEL. */
  updateTrace(changes: Changes, model?: string): TraceSettings {
    const { registry, sampling, logger } = this.#options
    const before = this.readTrace(model)
    const wanted = Object.entries(changes).map(([key, value]) => readTraceChange(key, value, before))
    const { isOn } = Object.assign({ isOn: false }, ...wanted) as Partial<Sampling>
    if (isOn === true && !sampling.isPossible) {
      throw bad(
        'trace_level',
        'the server has nowhere to send traces: set tracing=otlp or jaeger in its configuration',
      )
    }
    sampling.keep(new Set(registry.all().map(({ name }) => name)))
    sampling.update(Object.assign({}, ...wanted), model)
    logger.info('The trace settings were changed over the API', {
      changes: show(changes),
      of: model ?? 'all',
    })
    return this.readTrace(model)
  }
}

interface LevelChange {
  readonly level: LogLevel
  readonly isOn: boolean
}

function readLogChange(key: string, value: unknown, before: LogSettings): LevelChange | undefined {
  const level = Object.hasOwn(LEVEL_OF, key) ? LEVEL_OF[key] : undefined
  if (level !== undefined) {
    if (typeof value === 'boolean') return { level, isOn: value }
    throw bad(key, `expected true or false, got ${show(value)}`)
  }
  if (key === 'log_verbose_level') {
    const verbose = Number(value)
    if (value !== null && typeof value !== 'boolean' && Number.isInteger(verbose) && verbose >= 0)
      return { level: 'debug', isOn: verbose > 0 }
    throw bad(key, `expected a whole number of 0 or more, got ${show(value)}`)
  }
  keepFixed(key, value, before)
  return undefined
}

type TraceChange = { readonly [key in keyof Sampling]?: Sampling[key] | undefined }

function readTraceChange(key: string, value: unknown, before: TraceSettings): TraceChange {
  const text = textOf(value)
  if (key === 'trace_level') {
    if (text === undefined) return { isOn: undefined }
    if (text === 'OFF' || text === 'TIMESTAMPS') return { isOn: text === 'TIMESTAMPS' }
    throw bad(key, `expected OFF or TIMESTAMPS, got ${show(value)}`)
  }
  if (key === 'trace_rate') {
    if (text === undefined) return { rate: undefined }
    if (/^\d{1,9}$/.test(text)) return { rate: Number(text) }
    throw bad(key, `expected a whole number of 0 or more (1: every request, 0: none), got ${show(value)}`)
  }
  keepFixed(key, text ?? before[key], before)
  return {}
}

/** Each value comes as itself or as a list of one; undefined: the setting is given back. */
function textOf(value: unknown): string | undefined {
  const texts = [value].flat().filter(each => each !== null && each !== undefined)
  return texts.length === 0 ? undefined : texts.map(String).join(',')
}

/** What the API shows and does not change may be sent back as it was read. Throws BAD_REQUEST for anything else. */
function keepFixed(key: string, value: unknown, before: LogSettings | TraceSettings): void {
  if (!Object.hasOwn(before, key)) {
    throw bad(key, `there is no such setting; expected one of ${Object.keys(before).join(', ')}`)
  }
  if (value !== before[key]) throw bad(key, 'it cannot be changed over the API; it is for the configuration')
}

const LONGEST_SHOWN = 200
const show = (value: unknown) => JSON.stringify(value)?.slice(0, LONGEST_SHOWN) ?? 'nothing'

function bad(key: string, what: string) {
  return failure('BAD_REQUEST', `setting '${key.slice(0, 64)}': ${what}`)
}
