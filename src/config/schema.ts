import { z } from 'zod'
import { facts } from './facts.ts'
import { ignored } from './schema-ignored.ts'
import { limits } from './schema-limits.ts'
import { grpc, listeners, security } from './schema-listeners.ts'
import { models, workers } from './schema-models.ts'
import { openInference } from './schema-open-inference.ts'
import { environment, logging, metrics, tracing } from './schema-telemetry.ts'
import { kinds } from './values.ts'

/**
 * Every key: its name, type, default and meaning. Flags, variables, the reference page and `--help` are derived from
 * it. Sources give text, so each key reads text; the result has typed values under the same names.
 */
export const Schema = z.strictObject({
  ...listeners,
  ...limits,
  ...models,
  ...workers,
  ...metrics,
  ...logging,
  ...tracing,
  ...security,
  ...grpc,
  ...openInference,
  ...environment,
  ...ignored,
})

export type Values = z.infer<typeof Schema>
export type KeyName = keyof Values

const IGNORED = 'Accepted and ignored'

const groups = {
  Listeners: listeners,
  Limits: limits,
  Models: models,
  Workers: workers,
  Metrics: metrics,
  Logging: logging,
  Tracing: tracing,
  Security: security,
  gRPC: grpc,
  'Open Inference Protocol': openInference,
  Environment: environment,
  [IGNORED]: ignored,
}

/** One key as the sources, the reference page and `--help` need it. */
export interface Key {
  readonly name: KeyName
  readonly group: string
  readonly standing: 'supported' | 'not yet' | 'ignored'
  /** What a value looks like, in words. */
  readonly kind: string
  readonly defaultText: string | undefined
  readonly meaning: string
  /** The main flag first; empty: it has none. */
  readonly flags: readonly string[]
  /** Its variable; undefined: it is not read from the environment. */
  readonly env: string | undefined
  readonly secret: boolean
  /** It may stand as a flag without a value. */
  readonly isSwitch: boolean
}

const UNSAID = { since: 'supported', secret: false } as const
const ANY_TEXT = { name: 'text', isSwitch: false } as const

function describeKey(name: KeyName, group: string): Key {
  const type = Schema.shape[name]
  const said = { ...UNSAID, flags: [toFlag(name)], env: toVariable(name), ...facts.get(type) }
  const kind = { ...ANY_TEXT, ...kinds.get(type.unwrap()) }
  return {
    name,
    group,
    standing: group === IGNORED ? 'ignored' : said.since,
    kind: kind.name,
    defaultText: type instanceof z.ZodPrefault ? type.def.defaultValue : undefined,
    meaning: type.description ?? '',
    flags: said.flags,
    env: said.env === false ? undefined : said.env,
    secret: said.secret,
    isSwitch: kind.isSwitch,
  }
}

const toFlag = (name: KeyName) => `--${name.replaceAll('_', '-')}`

/** `TS_` is not put before a key that has it already. */
const toVariable = (name: KeyName) => `TS_${name.replace(/^ts_/, '').toUpperCase()}`

/** Every key, group by group. */
export const keys: readonly Key[] = Object.entries(groups).flatMap(([group, shape]) =>
  // The groups are what the schema is made of, so their keys are its keys.
  (Object.keys(shape) as KeyName[]).map(name => describeKey(name, group)),
)

const keyByName: ReadonlyMap<string, Key> = new Map(keys.map(key => [key.name, key]))

export function findKey(name: string): Key | undefined {
  return keyByName.get(name)
}
