import { z } from 'zod'
import {
  parseAddress,
  parseHostAndPort,
  type Address,
  type DefaultPorts,
  type HostAndPort,
} from './address.ts'
import { parseModelTable, type ModelTable } from './model-settings.ts'
import { parseSnapshotModels, type SnapshotModels } from './snapshot.ts'
import { INT32_MAX, LONGEST_TIMER_S } from './timers.ts'

/**
 * The kinds of value a key can have. Every source gives text, so every kind reads text; what it expects is said once
 * and stands in the reference page, in `--help` and in the error.
 */

/** What a kind of value expects, in words; a switch may stand as a flag without a value, which is then true. */
export const kinds = z.registry<{ name: string; isSwitch?: boolean }>()

function kind<T>(name: string, parse: (text: string) => T | undefined, isSwitch = false) {
  return z
    .string()
    .transform((text, context): T => {
      const value = parse(text.trim())
      if (value !== undefined) return value
      context.addIssue(`expected ${name}`)
      return z.NEVER
    })
    .register(kinds, { name, isSwitch })
}

export const whole = (min: number, max: number = INT32_MAX) =>
  kind(`a whole number from ${min} to ${max}`, text => {
    const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
    return value >= min && value <= max ? value : undefined
  })

export const Seconds = whole(1, LONGEST_TIMER_S)

export const decimal = (min: number, max: number) =>
  kind(`a number from ${min} to ${max}`, text => {
    const value = /^[+-]?(?:\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : Number.NaN
    return value >= min && value <= max ? value : undefined
  })

const flagWords: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['false', false],
])

const parseFlag = (text: string) => flagWords.get(text.toLowerCase())

export const Flag = kind('true or false', parseFlag, true)

/** One of a few words, whatever their case. */
export const oneOf = <const W extends string>(...words: readonly W[]) =>
  kind(`one of ${words.join(', ')}`, text => words.find(word => word === text.toLowerCase()))

/** Any text, the empty one too. */
export const Text = kind('text', text => text)

/** Text that is not empty: an empty one counts as not given. */
export const OptionalText = z
  .string()
  .transform(text => text.trim() || undefined)
  .register(kinds, { name: 'text' })

/** Text that is kept to the letter, blanks at its end included. */
export const Password = z.string().register(kinds, { name: 'text' })

/** A path in the file system, relative to the current directory; an empty one counts as not given. */
export const Path = z
  .string()
  .transform(text => text.trim() || undefined)
  .register(kinds, { name: 'path' })

/** On, off, or on at a path; an empty one counts as on. */
export const SwitchOrPath = z
  .string()
  .transform((text): boolean | string => flagWords.get(text.trim().toLowerCase()) ?? (text.trim() || true))
  .register(kinds, { name: 'true, false or a path' })

/** The same where there must be one. */
export const FullPath = kind('path', text => text || undefined)

const addressIsNot = (text: string) =>
  `Invalid binding address: ${text}; expected http://host[:port], https://host[:port] or unix:/absolute/path`

/** A binding address; `ports` are used when it names none. */
export const binding = (ports: DefaultPorts) =>
  z
    .string()
    .transform((text, context): Address => {
      const address = parseAddress(text.trim(), ports)
      if (address !== undefined) return address
      context.addIssue(addressIsNot(text.trim()))
      return z.NEVER
    })
    .register(kinds, { name: 'address' })

export const hostAndPort = (defaultPort: number) =>
  kind('host:port', (text): HostAndPort | undefined => parseHostAndPort(text, defaultPort))

export const Url = kind('an http:// or https:// URL', text => {
  const url = URL.parse(text)
  return url !== null && /^https?:$/.test(url.protocol) ? text : undefined
})

const compiles = (pattern: string) => {
  try {
    return new RegExp(`^(?:${pattern})$`, 'i') instanceof RegExp
  } catch {
    return false
  }
}

export const Pattern = kind('a regular expression', text => (compiles(text) ? text : undefined))

const splitList = (text: string) =>
  text
    .split(',')
    .map(item => item.trim())
    .filter(item => item !== '')

export const PatternList = kind(
  'regular expressions with commas between',
  (text): readonly string[] | undefined => {
    const patterns = splitList(text)
    return patterns.every(compiles) ? patterns : undefined
  },
)

/** Host names, without ports, in lower case. */
export const HostList = kind('host names with commas between', (text): readonly string[] | undefined => {
  const hosts = splitList(text.toLowerCase())
  return hosts.every(host => /^[\w.-]+$/.test(host)) ? hosts : undefined
})

/** A model to load at start: the name it gets (undefined: from its archive's file name) and where it lies. */
export interface StartupModel {
  readonly name: string | undefined
  readonly location: string
  /** In place of the one that its archive names. */
  readonly handler?: string
}

export const StartupModels = kind(
  'all, or [name=]location with commas between',
  (text): 'all' | readonly StartupModel[] | undefined => {
    const items = splitList(text)
    if (items.some(item => item.toLowerCase() === 'all')) return 'all'
    const models = items.map(item => {
      const [, name, location] = /^([A-Za-z0-9][\w.-]*)=(.*)$/.exec(item) ?? []
      return { name, location: location ?? item }
    })
    return models.every(({ location }) => /^[^=]/.test(location)) ? models : undefined
  },
)

export const ModelTableJson = kind(
  'JSON of the form {"name":{"version":{"batchSize":8}}}',
  (text): ModelTable | undefined => parseModelTable(text === '' ? '{}' : text),
)

/** The models of a snapshot; an empty text counts as not given. */
export const SnapshotJson = z
  .string()
  .transform((text, context): SnapshotModels | undefined => {
    if (text.trim() === '') return undefined
    const models = parseSnapshotModels(text)
    if (typeof models !== 'string') return models
    context.addIssue(models)
    return z.NEVER
  })
  .register(kinds, { name: 'JSON as in a snapshot' })
