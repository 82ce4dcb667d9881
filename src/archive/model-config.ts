/** model-config.yaml: the server's settings for one model, and whatever its handler wants to read beside them. */
import { parseDocument } from 'yaml'
import { failure } from '../errors.ts'
import { nearestName } from '../nearest.ts'
import { shown } from './entry-name.ts'
import { isRecord, plainCopy } from './plain-data.ts'

const MAX_CHARACTERS = 1024 * 1024
const MAX_ALIASES = 100
const MAX_SETTING = 2 ** 31 - 1

/** The longest time-out in seconds, whoever asks for it: timers take milliseconds of 31 bits. */
export const MAX_TIMEOUT_S = Math.floor(MAX_SETTING / 1000)

/** The least value of each setting the server itself reads. Times carry their unit in TorchServe's documentation. */
const LEAST = {
  minWorkers: 1,
  maxWorkers: 1,
  batchSize: 1,
  maxBatchDelay: 0,
  responseTimeout: 1,
  startupTimeout: 1,
  maxRetryTimeoutInSec: 0,
  clientTimeoutInMills: 0,
  jobQueueSize: 1,
  jobQueueBytes: 1,
  maxQueueWait: 0,
} as const

/** Settings that are no numbers: what a value has to be, and in words. */
const OTHERS = {
  retry: { is: (value: unknown) => value === 'auto' || value === 'never', words: 'auto or never' },
  preferredBatchSizes: {
    is: (value: unknown) => Array.isArray(value) && value.every(size => isSetting(size, 1, MAX_SETTING)),
    words: 'a list of whole numbers of at least 1',
  },
} as const

/** The greatest value, where it is less than any number's. */
const MOST: { readonly [key in keyof typeof LEAST]?: number } = {
  responseTimeout: MAX_TIMEOUT_S,
  startupTimeout: MAX_TIMEOUT_S,
}

/** `maxBatchDelay`, `maxQueueWait` and `clientTimeoutInMills` in milliseconds, the other times in seconds. */
export type ModelSettings = { readonly [key in keyof typeof LEAST]?: number } & {
  /** Whether what a worker had when it died runs again. */
  readonly retry?: 'auto' | 'never'
  /** Sizes for which a batch does not wait any longer, where it waits at all. */
  readonly preferredBatchSizes?: readonly number[]
}

export interface ModelConfig {
  readonly settings: ModelSettings
  /** The whole file, unknown keys included: what a handler sees. */
  readonly raw: Readonly<Record<string, unknown>>
  /** Settings that are ignored, because their value is wrong or they have no effect, each in a sentence. */
  readonly warnings: readonly string[]
}

export const emptyModelConfig: ModelConfig = { settings: {}, raw: {}, warnings: [] }

/** Reads model-config.yaml. Throws INVALID_MODEL where it is not YAML or not a mapping; a wrong value only warns. */
export function parseModelConfig(yaml: string): ModelConfig {
  const raw = parseYaml(yaml)
  const warnings: string[] = []
  const settings = { ...readNumbers(raw, warnings), ...readOthers(raw, warnings) }
  return { settings, raw, warnings: [...warnings, ...nearMisses(raw)] }
}

/** Keys that were probably meant for the server; whatever else it does not know is for the handler. */
function nearMisses(raw: Record<string, unknown>): string[] {
  const known = [...Object.keys(LEAST), ...Object.keys(OTHERS)]
  return Object.entries(raw).flatMap(([key, value]) => {
    const near = known.includes(key) || isRecord(value) ? undefined : nearestName(key, known)
    if (near === undefined) return []
    return [`${shown(key)} is no setting of the server, only the handler sees it; did you mean ${near}?`]
  })
}

function readNumbers(raw: Record<string, unknown>, warnings: string[]): ModelSettings {
  const settings: { -readonly [key in keyof typeof LEAST]?: number } = {}
  for (const key of Object.keys(LEAST) as (keyof typeof LEAST)[]) {
    const value = raw[key]
    if (value === undefined || value === null) continue
    const [least, most] = [LEAST[key], MOST[key] ?? MAX_SETTING]
    if (isSetting(value, least, most)) settings[key] = value
    else {
      const limit = Number(value) > most ? `at most ${most}` : `at least ${least}`
      warnings.push(`${key} must be a whole number of ${limit}, not ${describe(value)}; it is ignored`)
    }
  }
  return settings
}

function readOthers(raw: Record<string, unknown>, warnings: string[]): ModelSettings {
  const settings: Record<string, unknown> = {}
  for (const [key, { is, words }] of Object.entries(OTHERS)) {
    const value = raw[key]
    if (value === undefined || value === null) continue
    if (is(value)) settings[key] = value
    else warnings.push(`${key} must be ${words}, not ${describe(value)}; it is ignored`)
  }
  // Each value was found to be of the type that its key has.
  return settings
}

function isSetting(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most
}

function describe(value: unknown): string {
  return shown(JSON.stringify(value) ?? String(value))
}

function parseYaml(yaml: string): Record<string, unknown> {
  if (yaml.length > MAX_CHARACTERS) throw broken(`it is longer than ${MAX_CHARACTERS} characters`)
  let value: unknown
  try {
    value = readDocument(yaml)
  } catch (error) {
    throw broken(shown(error instanceof Error ? error.message : String(error)))
  }
  if (value === null || value === undefined) return {}
  if (!isRecord(value)) throw broken('it must hold a mapping of keys to values')
  return value
}

function readDocument(yaml: string): unknown {
  // `core` knows no tags that make objects. `<<` is YAML 1.1, which TorchServe reads.
  const document = parseDocument(yaml, {
    schema: 'core',
    merge: true,
    prettyErrors: true,
    logLevel: 'error',
  })
  // An unknown tag is only a warning to the library; SnakeYAML and PyYAML in safe mode refuse it.
  const problem = document.errors[0] ?? document.warnings[0]
  if (problem !== undefined) {
    const line = problem.linePos?.[0].line
    throw new Error(`${line === undefined ? '' : `line ${line}: `}${firstLine(problem.message)}`)
  }
  return plainCopy(document.toJS({ maxAliasCount: MAX_ALIASES }))
}

function firstLine(message: string): string {
  // The library appends the place and an excerpt of the file: the line is named in front, the text stays inside.
  return (message.split('\n')[0] ?? message).replace(/ at line \d+, column \d+:?$/, '')
}

function broken(what: string) {
  return failure('INVALID_MODEL', `The model's configuration file cannot be read: ${what}`)
}
